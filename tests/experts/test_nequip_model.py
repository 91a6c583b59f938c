"""Model files as experts: what is accepted, what is refused, and that nothing is lost on the way."""

from __future__ import annotations

import numpy as np
import pytest
import tiny_models
from nequip.integrations.ase import NequIPCalculator
from nequip.integrations.utils import basic_transforms

from moe_ipi.errors import ModelError
from moe_ipi.experts.expert import Stars
from moe_ipi.experts.model_files import load_nequip_model
from moe_ipi.experts.nequip_model import expert_from_module
from moe_ipi.potential import MoEPotential, evaluate_in_chunks


def calculator(module, species=tiny_models.TYPE_NAMES):
    """nequip's own ASE calculator around a model in memory."""
    metadata = module.metadata
    cutoff = float(metadata["r_max"])
    transforms = basic_transforms(metadata, cutoff, list(species), {s: s for s in species})
    return NequIPCalculator(module.eval(), "cpu", transforms=transforms)


def everywhere(expert, atoms):
    """One expert on every atom."""
    potential = MoEPotential(expert, expert, atoms.get_chemical_symbols())
    return potential.evaluate(atoms.positions[None], atoms.cell.array[None], np.ones(len(atoms), bool))


def assert_equals_calculator(expert, calc, rtol):
    atoms = tiny_models.co_on_pt()
    out = everywhere(expert, atoms)
    atoms.calc = calc
    scale = np.abs(atoms.get_forces()).max()
    assert np.allclose(out.atom_energies[0], atoms.get_potential_energies(), rtol=rtol, atol=0)
    assert np.allclose(out.forces[0], atoms.get_forces(), rtol=0, atol=rtol * max(scale, 1.0))
    stress = atoms.get_stress(voigt=False)
    assert np.allclose(-out.virials[0] / atoms.get_volume(), stress, rtol=0, atol=rtol * max(np.abs(stress).max(), 1.0))


def test_equals_nequip_calculator_in_float64():
    module = tiny_models.allegro(3)
    assert_equals_calculator(expert_from_module(module), calculator(module), 1e-12)


def test_equals_nequip_calculator_in_float32():
    module = tiny_models.allegro(3, dtype="float32")
    assert_equals_calculator(expert_from_module(module), calculator(module), 2e-6)


def test_per_edge_type_cutoffs_are_respected():
    module = tiny_models.allegro(4, per_edge_type_cutoff={"Pt": 4.0, "C": 2.5, "O": {"Pt": 3.0, "C": 2.0, "O": 2.0}})
    assert_equals_calculator(expert_from_module(module), calculator(module), 1e-12)


@pytest.mark.parametrize("kind", ["checkpoint", "package"])
@pytest.mark.parametrize("key", ["sole_model", "bulk", None])
def test_checkpoint_and_package(kind, key, request):
    path = request.getfixturevalue(kind)
    calc = NequIPCalculator._from_saved_model(path, model_name=key or "sole_model")
    expert = load_nequip_model(path, key=key)
    assert expert.species == tiny_models.TYPE_NAMES
    assert expert.cutoff == (3.5 if key == "bulk" else 4.0)
    assert_equals_calculator(expert, calc, 1e-12)


def test_unknown_key_is_named(checkpoint):
    with pytest.raises(
        ModelError, match=r"holds the models sole_model, bulk; set experts\.complex\.key .*got 'surface'"
    ):
        load_nequip_model(checkpoint, key="surface", name="complex")


def test_missing_file_is_named(tmp_path):
    with pytest.raises(ModelError, match=r"does not exist: .*nothing\.nequip\.zip; correct experts\.bulk\.path"):
        load_nequip_model(tmp_path / "nothing.nequip.zip", name="bulk")


@pytest.mark.parametrize("suffix", [".nequip.zip", ".ckpt", ".nequip.pt2", ".pt2"])
def test_garbage_is_refused_in_one_line(tmp_path, suffix):
    path = tmp_path / f"model{suffix}"
    path.write_bytes(b"not a model")
    with pytest.raises(ModelError, match="cannot load the") as error:
        load_nequip_model(path, name="bulk")
    assert "\n" not in str(error.value)


def test_torchscript_is_refused_by_name(tmp_path):
    path = tmp_path / "model.nequip.pth"
    path.write_bytes(b"")
    with pytest.raises(ModelError, match="TorchScript"):
        load_nequip_model(path)


def test_cuda_without_cuda(package):
    import torch

    if torch.cuda.is_available():
        pytest.skip("this machine has a CUDA device")
    with pytest.raises(ModelError, match="no CUDA device; use device"):
        load_nequip_model(package, device="cuda")


def test_message_passing_is_refused():
    with pytest.raises(ModelError, match="not strictly local"):
        expert_from_module(tiny_models.message_passing(), name="bulk")


def test_type_names_must_be_elements():
    with pytest.raises(ModelError, match="must be chemical symbols, but it has Pt_step"):
        expert_from_module(tiny_models.allegro(1, type_names=("Pt", "Pt_step")))


def test_experts_with_different_species_are_refused():
    first = expert_from_module(tiny_models.allegro(1))
    second = expert_from_module(tiny_models.allegro(1, type_names=("Pt", "C")))
    with pytest.raises(ModelError, match="different species"):
        MoEPotential(first, second, ["Pt"])


def test_species_in_another_order_are_mapped():
    atoms = tiny_models.co_on_pt()
    module = tiny_models.allegro(2, type_names=("O", "Pt", "C"))
    expert = expert_from_module(module)
    other = expert_from_module(tiny_models.allegro(3))
    potential = MoEPotential(expert, other, atoms.get_chemical_symbols())
    mask = tiny_models.random_mask(len(atoms), 0)
    out = potential.evaluate(atoms.positions[None], atoms.cell.array[None], mask)
    atoms.calc = calculator(module, ("O", "Pt", "C"))
    assert np.allclose(out.atom_energies[0][mask], atoms.get_potential_energies()[mask], rtol=1e-12, atol=0)


@pytest.mark.parametrize("n_edges", [0, 1, 2])
def test_atoms_with_hardly_any_neighbour(n_edges):
    expert = expert_from_module(tiny_models.allegro(1))
    vectors = np.array([[1.5, 0.2, 0.0], [0.0, 1.9, 0.4]])[:n_edges]
    stars = Stars(vectors, np.zeros(n_edges, int), np.array([0, 2]), np.ones(n_edges, int))
    energies, gradients = expert.evaluate(stars)
    assert gradients.shape == (n_edges, 3)
    assert energies[1] == tiny_models.SHIFTS["O"]
    assert (energies[0] == tiny_models.SHIFTS["Pt"]) == (n_edges == 0)


def test_chunks_change_nothing():
    atoms = tiny_models.co_on_pt()
    expert = expert_from_module(tiny_models.allegro(1))
    rng = np.random.default_rng(0)
    centers = np.sort(rng.integers(0, 30, 200))
    types = np.array([tiny_models.TYPE_NAMES.index(s) for s in (atoms.get_chemical_symbols() * 3)[:32]])
    stars = Stars(rng.uniform(-2, 2, (200, 3)), centers, types, rng.integers(0, 3, 200))
    whole = expert.evaluate(stars)
    for size in (1, 7, 50, 199, 200):
        parts = evaluate_in_chunks(expert, stars, max_edges=size)
        assert np.allclose(parts[0], whole[0], rtol=1e-13, atol=0)
        assert np.allclose(parts[1], whole[1], rtol=0, atol=1e-13)


def test_compiled_model_is_cached_and_equal(package, tmp_path, monkeypatch, capfd):
    monkeypatch.setenv("MOE_IPI_CACHE_DIR", str(tmp_path / "cache"))
    compiled = load_nequip_model(package, key="bulk", name="bulk", compile=True)
    assert "compiling the bulk expert" in capfd.readouterr().err
    (artifact,) = (tmp_path / "cache").glob("*.nequip.pt2")
    written = artifact.stat().st_mtime_ns
    again = load_nequip_model(package, key="bulk", name="bulk", compile=True)
    assert capfd.readouterr().err == ""
    assert artifact.stat().st_mtime_ns == written
    direct = load_nequip_model(artifact, name="bulk")
    atoms = tiny_models.co_on_pt()
    eager = everywhere(load_nequip_model(package, key="bulk"), atoms)
    for expert in (compiled, again, direct):
        out = everywhere(expert, atoms)
        assert np.allclose(out.atom_energies, eager.atom_energies, rtol=1e-12, atol=0)
        assert np.allclose(out.forces, eager.forces, rtol=0, atol=1e-11 * max(np.abs(eager.forces).max(), 1.0))
    empty = Stars(np.zeros((0, 3)), np.zeros(0, int), np.array([1]), np.zeros(0, int))
    assert compiled.evaluate(empty)[0] == [tiny_models.SHIFTS["C"]]


def test_compiling_without_a_compiler(package, tmp_path, monkeypatch):
    monkeypatch.setenv("MOE_IPI_CACHE_DIR", str(tmp_path))
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(ModelError, match=r"C\+\+ compiler"):
        load_nequip_model(package, compile=True)


@pytest.mark.slow
@pytest.mark.parametrize("target", ["pair_nequip", "pair_allegro", "ase", "batch"])
def test_artifacts_of_nequip_compile(package, tmp_path, target):
    artifact = tmp_path / "model.nequip.pt2"
    arguments = (package, artifact, "--mode", "aotinductor", "--device", "cpu", "--target", target)
    tiny_models.run_nequip("nequip.scripts.compile", *arguments)
    expert = load_nequip_model(artifact)
    assert_equals_calculator(expert, NequIPCalculator._from_saved_model(package), 1e-11)


@pytest.mark.slow
def test_artifact_of_another_target_is_refused(package, tmp_path):
    artifact = tmp_path / "model.nequip.pt2"
    fields = ["pos", "edge_index", "atom_types"]
    arguments = (package, artifact, "--mode", "aotinductor", "--device", "cpu", "--input-fields", *fields)
    tiny_models.run_nequip("nequip.scripts.compile", *arguments, "--output-fields", "total_energy")
    with pytest.raises(ModelError, match=r"cannot serve as an expert .*--target pair_nequip"):
        load_nequip_model(artifact)
