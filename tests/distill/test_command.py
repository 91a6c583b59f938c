"""From a finished model and structures to a pair."""

import importlib.util
import os
import shutil
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from ase.build import bulk, make_supercell
from ase.io import read, write

from moe_ipi import MoEPotential, load_config
from moe_ipi.cotraining import UnlabelledCells
from moe_ipi.distill.command import Wishes, distill
from moe_ipi.distill.recipe import Size
from moe_ipi.errors import ConfigError, MoEError
from moe_ipi.experts.nequip.load import load_nequip_model
from moe_ipi.experts.nequip.saved import saved_module
from moe_ipi.properties.crystal import crystal_of
from tests.helpers.structures import co_on_pt

pytestmark = pytest.mark.timeout(900)
SIZE = Size(cutoff=3.5, degree=1, scalars=8, tensors=4, steps=4, batch=2, compile=False)
WISHES = Wishes(
    key="sole_model", species=("C", "O"), radius=3.0, crystal="Pt,fcc,3.977", size=SIZE, copies=2, report="none"
)


@pytest.fixture(scope="module")
def structures(tmp_path_factory):
    """A file with two slabs and a crystal."""
    path = tmp_path_factory.mktemp("structures") / "frames.xyz"
    crystal = bulk("Pt", a=3.977, cubic=True)
    write(path, [co_on_pt((2, 2, 3), seed=1), co_on_pt((2, 2, 4), seed=2), crystal], format="extxyz")
    return path


@pytest.fixture(scope="module")
def pair(package, structures, tmp_path_factory):
    """(folder of the pair, what was said)."""
    folder = tmp_path_factory.mktemp("distilled") / "a pair's folder"
    lines = []
    distill(package, [structures], folder, WISHES, lines.append)
    return folder, lines


def test_a_pair_comes_out(pair, package, structures):
    """Its complex expert is the model to the last bit, its bulk expert was trained, and its config serves."""
    folder, lines = pair
    config = load_config(folder / "moe.toml")
    assert (config.regions.inner, config.regions.outer) == (3.0, 3.5)
    assert config.validation.element == "Pt" and config.validation.lattice_parameter == 3.977
    assert any(line.startswith("step 4 of 4") and "forces" in line and "seam in crystals" in line for line in lines)
    model = load_nequip_model(package, key="sole_model")
    for atoms in read(structures, ":"):
        species = atoms.get_chemical_symbols()
        potential = MoEPotential.from_config(config, species)
        frame = (atoms.positions[None], atoms.cell.array[None])
        found = potential.evaluate(*frame, hamiltonian="complex")
        expected = MoEPotential(model, model, species).evaluate(*frame, hamiltonian="complex")
        assert np.array_equal(found.atom_energies, expected.atom_energies)
        assert np.array_equal(found.forces, expected.forces)
        mixed = potential.evaluate(*frame, np.arange(len(atoms)) % 2 == 0)
        assert np.isfinite(mixed.energies).all() and np.abs(mixed.atom_energies - found.atom_energies).max() > 0
    assert (potential.complex.cutoff, potential.bulk.cutoff) == (4.0, 3.5)
    weights = torch.load(folder / "training/last.ckpt", weights_only=False)
    assert weights["global_step"] == 4


def test_what_was_done_is_not_done_again(pair, package, structures):
    folder, _ = pair
    before = {
        path.name: path.stat().st_mtime_ns for path in (folder / "pair.nequip.zip", folder / "training/last.ckpt")
    }
    (folder / "moe.toml").write_text((folder / "moe.toml").read_text() + "# mine\n")
    lines = []
    distill(package, [structures], folder, WISHES, lines.append)
    assert "the training has ended before" in lines and (folder / "moe.toml").read_text().endswith("# mine\n")
    assert before == {name: next(folder.rglob(name)).stat().st_mtime_ns for name in before}
    with pytest.raises(MoEError, match="other structures or other options"):
        distill(package, [structures], folder, Wishes(**{**vars(WISHES), "copies": 3}), lines.append)


def test_a_training_may_move_and_keeps_its_model(pair, package, structures, tmp_path):
    """What is packaged elsewhere is the same pair, without a name of a folder; another model is refused."""
    folder, _ = pair
    moved = tmp_path / "moved"
    shutil.copytree(folder, moved)
    (moved / "pair.nequip.zip").unlink()
    lines = []
    distill(package, [structures], moved, WISHES, lines.append)
    assert {"the training has ended before", "packaging both experts"} <= set(lines)
    for key in ("complex", "bulk"):
        weights = [saved_module(each / "pair.nequip.zip", key, key)[0].state_dict() for each in (folder, moved)]
        assert all(torch.equal(value, weights[1][name]) for name, value in weights[0].items())
    with zipfile.ZipFile(moved / "pair.nequip.zip") as archive:
        config = next(archive.read(name).decode() for name in archive.namelist() if name.endswith("model/config.yaml"))
    assert f"model-{package.name}" in config and str(tmp_path) not in config and str(folder) not in config
    with (moved / f"training/model-{package.name}").open("ab") as copy:
        copy.write(b"another")
    with pytest.raises(MoEError, match="holds a training with another model"):
        distill(package, [structures], moved, WISHES, lines.append)


@pytest.mark.slow
def test_a_crystal_of_two_elements(package, structures, tmp_path):
    """It is trained on, and the validation of the pair has it."""
    write(tmp_path / "compound.cif", make_supercell(bulk("PtO", "rocksalt", a=4.6), np.diag([1, 1, 2])))
    lines = []
    crystal = str(tmp_path / "compound.cif")
    distill(package, [structures], tmp_path / "pair", replace(WISHES, crystal=crystal, copies=0), lines.append)
    assert any(line.startswith("crystal: O4Pt4, Fm-3m") for line in lines)
    assert any(line.startswith("step 4 of 4") and "seam in crystals" in line for line in lines)
    found = crystal_of(load_config(tmp_path / "pair/moe.toml").validation)
    assert (found.centring, len(found.unit)) == ("F", 8) and found.unit.cell.lengths() == pytest.approx([4.6] * 3)
    primitive = read(tmp_path / "pair/training/crystal.xyz")
    assert len(primitive) == 2 and primitive.cell.volume == pytest.approx(4.6**3 / 4)
    cells = UnlabelledCells(structure=tmp_path / "pair/training/crystal.xyz", type_names=["Pt", "C", "O"])
    batch, perfect = cells.draw(0, 4.0)
    assert perfect == 6 * 2 and sorted(set(batch["atom_types"].flatten().tolist())) == [0, 2]


def test_refusals(package, structures, tmp_path, monkeypatch, command):
    with pytest.raises(ConfigError, match="crystal 'Pt,hcp,3' cannot be understood"):
        distill(package, [structures], tmp_path / "a", Wishes(**{**vars(WISHES), "crystal": "Pt,hcp,3"}))
    with pytest.raises(ConfigError, match=r"there is no file 'PdH\.cif'"):
        distill(package, [structures], tmp_path / "a", Wishes(**{**vars(WISHES), "crystal": "PdH.cif"}))
    write(tmp_path / "gold.cif", bulk("CuAu", "cesiumchloride", a=3.0))
    with pytest.raises(ConfigError, match="does not know the crystal's element"):
        distill(package, [structures], tmp_path / "a", replace(WISHES, crystal=str(tmp_path / "gold.cif")))
    with pytest.raises(ConfigError, match="'Qq' is not the symbol"):
        distill(package, [structures], tmp_path / "a", Wishes(species=("Qq",), report="none"))
    write(tmp_path / "gold.xyz", bulk("Au"), format="extxyz")
    code, _, error = command("distill", str(package), str(tmp_path / "gold.xyz"), "--key", "bulk", "--report", "none")
    assert code == 1 and error.count("\n") == 1 and "contains Au, which the model does not know" in error
    code, _, error = command("distill", str(tmp_path / "none.ckpt"), str(structures), "--report", "none")
    assert code == 1 and error.count("\n") == 1 and "none.ckpt' does not exist" in error
    code, _, error = command("distill", "nequip.net:group", str(structures), "--report", "none")
    assert code == 1 and error.count("\n") == 1 and "Invalid model_id format: group" in error
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *more: None if "optimizer" in name else found(name))
    code, _, error = command("distill", str(package), str(structures))
    assert code == 1 and "pip install 'moe-ipi[training]'" in error and error.count("\n") == 1
    assert not (tmp_path / "a").exists()


@pytest.mark.slow
def test_an_interrupted_training_goes_on(package, structures, tmp_path):
    """From its last checkpoint to the end, to the same weights."""
    ends = []
    for name in ("once", "twice"):
        lines = []
        size = Size(**{**vars(SIZE), "steps": 12})
        wishes = Wishes(**{**vars(WISHES), "size": size})
        folder = tmp_path / name
        if name == "twice":

            def stop(line, lines=lines):
                lines.append(line)
                if line.startswith("step 8"):  # the second of three validations: after the first checkpoint
                    raise KeyboardInterrupt

            with pytest.raises(KeyboardInterrupt):
                distill(package, [structures], folder, wishes, stop)
            assert "interrupted" in lines[-1]
        distill(package, [structures], folder, wishes, lines.append)
        assert any("going on from" in line for line in lines) == (name == "twice")
        ends.append(torch.load(folder / "training/last.ckpt", weights_only=False)["state_dict"])
    assert all(torch.equal(v, ends[1][k]) for k, v in ends[0].items() if torch.is_tensor(v))


@pytest.mark.slow
def test_from_a_checkpoint_with_a_report(checkpoint, structures, tmp_path, monkeypatch):
    """A checkpoint, no crystal, and the validation at the end."""
    # The checkpoint's models are built by tests.helpers.
    paths = [str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, paths)))
    lines = []
    wishes = Wishes(key="bulk", species=("C", "O"), radius=3.0, crystal="none", size=SIZE, copies=2)
    distill(checkpoint, [structures], tmp_path, wishes, lines.append)
    assert (tmp_path / "validation/report.html").is_file() and any("check" in line for line in lines)
