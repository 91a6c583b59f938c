"""Which atoms and frames count in which term."""

import dataclasses

import numpy as np
import pytest
import torch
from ase.build import bulk
from nequip.data import AtomicDataDict as Keys

from moe_ipi.cotraining.assignment import ASSIGNMENT_KEY, AssignmentTransform
from moe_ipi.cotraining.crystals import UnlabelledCells
from moe_ipi.cotraining.edges import EdgeModel, Graph
from moe_ipi.cotraining.experts import two_experts
from moe_ipi.cotraining.loss import CoTrainingLoss, CoTrainingMetrics
from moe_ipi.cotraining.terms import PairOutput, agreement_terms, crystal_terms, labelled_terms, random_balls, term_key
from moe_ipi.errors import ConfigError, ModelError
from moe_ipi.regions.partitioner import Partitioner
from tests.cotraining.test_edges import batch
from tests.helpers.structures import co_on_pt
from tests.helpers.tiny_models import TYPE_NAMES, allegro

REGIONS = {"radius": 3.0, "rules": [{"type": "species", "species": ["C", "O"]}]}


@pytest.fixture(scope="module")
def scene():
    """A CO slab (thick enough for bulk atoms) and a crystal, both experts on them, and the assignment."""
    slab, crystal = co_on_pt((2, 2, 5)), bulk("Pt", a=3.977, cubic=True)
    crystal.rattle(0.1, seed=4)
    data = batch(slab, crystal)
    graph = Graph.from_data(data)
    experts = (EdgeModel(allegro(3), compile=False), EdgeModel(allegro(4, cutoff=3.5), compile=False))
    out = PairOutput(*experts[0](graph), *experts[1](graph), bulk_cutoff=3.5)
    transform = AssignmentTransform(REGIONS, list(TYPE_NAMES))
    masks = [transform(batch(atoms))[ASSIGNMENT_KEY].bool() for atoms in (slab, crystal)]
    data |= {
        Keys.TOTAL_ENERGY_KEY: torch.tensor([[-30.0], [-4.0]]),
        Keys.FORCE_KEY: torch.zeros(graph.n_atoms, 3, dtype=torch.float64),
        Keys.STRESS_KEY: torch.zeros(2, 3, 3, dtype=torch.float64),
    }
    return slab, graph, out, data, torch.cat(masks)


def rng():
    return torch.Generator().manual_seed(5)


def test_assignment_is_the_partitioners(scene):
    slab, _, _, _, mask = scene
    from moe_ipi.config import RegionsConfig

    expected = Partitioner(RegionsConfig.model_validate(REGIONS), slab.get_chemical_symbols()).assign(
        slab.positions, slab.cell.array, slab.pbc
    )
    assert 2 < expected.sum() < len(slab)
    np.testing.assert_array_equal(mask[: len(slab)].numpy(), expected)
    assert not mask[len(slab) :].any()


def test_labelled_terms_choose_frames_and_atoms(scene):
    slab, graph, out, data, mask = scene
    terms = labelled_terms(graph, out, data, mask, rng())
    assert terms["complex_energy"].shape == (2,) and terms["complex_stress"].shape == (2, 3, 3)
    torch.testing.assert_close(terms["complex_forces"], graph.forces(out.complex_gradients))
    # Only the crystal is bulk altogether.
    energy = out.bulk_energies[len(slab) :].sum()
    torch.testing.assert_close(terms["bulk_energy"], ((energy + 4.0) / 4).view(1))
    assert terms["bulk_stress"].shape == (1, 3, 3)
    # Of the slab, only bulk atoms farther than 3.5 A from every complex atom.
    inside = []
    for i in np.flatnonzero(~mask[: len(slab)].numpy()):
        d = slab.get_distances(i, np.flatnonzero(mask[: len(slab)].numpy()), mic=True)
        inside += [i] if d.min() >= 3.5 else []
    chosen = [*inside, *range(len(slab), graph.n_atoms)]
    assert len(inside) > 0
    torch.testing.assert_close(terms["bulk_forces"], graph.forces(out.bulk_gradients)[chosen])
    torch.testing.assert_close(terms["everywhere_forces"], graph.forces(out.bulk_gradients))


def test_mixed_forces_lie_between(scene):
    _, graph, out, data, mask = scene
    mixed = labelled_terms(graph, out, data, mask, rng())["mixed_forces"]
    for gradients in (out.complex_gradients, out.bulk_gradients):
        assert (mixed - graph.forces(gradients)).abs().max() > 1e-3
    # Momentum: the mixture is one energy.
    torch.testing.assert_close(graph.per_frame(mixed), torch.zeros(2, 3, dtype=mixed.dtype), atol=1e-10, rtol=0)


def test_unknown_labels_are_left_out(scene):
    _, graph, out, data, mask = scene
    data = dict(data)
    data[Keys.STRESS_KEY] = data[Keys.STRESS_KEY].clone()
    data[Keys.STRESS_KEY][1] = torch.nan
    terms = labelled_terms(graph, out, data, mask, rng())
    assert terms["complex_stress"].numel() == 9 and terms["bulk_stress"].numel() == 0
    del data[Keys.STRESS_KEY]
    assert "complex_stress" not in labelled_terms(graph, out, data, mask, rng())


def test_identical_experts_agree_and_others_do_not(scene):
    _, graph, out, _, mask = scene
    same = dataclasses.replace(out, bulk_energies=out.complex_energies, bulk_gradients=out.complex_gradients)
    for terms in (agreement_terms(graph, same, mask, rng()), crystal_terms(graph, same, graph.n_atoms, rng())):
        assert all(residual.numel() and residual.abs().max() == 0 for residual in terms.values())
    for terms in (agreement_terms(graph, out, mask, rng()), crystal_terms(graph, out, graph.n_atoms, rng())):
        assert all(residual.abs().max() > 1e-6 for residual in terms.values())


def test_agreement_does_not_look_at_complex_atoms(scene):
    _, graph, out, _, mask = scene
    gradients = out.complex_gradients.clone()
    gradients[mask[graph.center]] += 7.0
    energies = torch.where(mask, out.complex_energies + 3.0, out.complex_energies)
    other = dataclasses.replace(out, complex_energies=energies, complex_gradients=gradients)
    expected, found = agreement_terms(graph, out, mask, rng()), agreement_terms(graph, other, mask, rng())
    for term in expected:
        torch.testing.assert_close(found[term], expected[term])


def test_random_balls(scene):
    _, graph, _, _, _ = scene
    sizes = [random_balls(graph, torch.Generator().manual_seed(k)).sum().item() for k in range(30)]
    assert min(sizes) >= 2 and max(sizes) > 8 and len(set(sizes)) > 5
    a, b = (random_balls(graph, torch.Generator().manual_seed(9)) for _ in range(2))
    assert torch.equal(a, b)


@pytest.mark.parametrize("named", [{}, {"element": "Pt", "lattice": "fcc", "structure": "Pt.cif"}])
def test_unlabelled_cells_are_of_one_crystal(named):
    with pytest.raises(ConfigError, match="either element, lattice and lattice_parameter, or structure"):
        UnlabelledCells(**named, type_names=list(TYPE_NAMES))


def test_unlabelled_cells():
    cells = UnlabelledCells("Pt", "fcc", 3.977, list(TYPE_NAMES), perfect=5, rattled=2, strain=0.03, rattle=0.1)
    first, n_perfect = cells.draw(3, 5.0)
    again, _ = cells.draw(3, 5.0)
    other, _ = cells.draw(4, 5.0)
    assert n_perfect == 5 and first[Keys.NUM_NODES_KEY].tolist() == [1] * 5 + [8, 8]
    assert all(torch.equal(first[k], again[k]) for k in first)
    assert not torch.equal(first[Keys.CELL_KEY], other[Keys.CELL_KEY])
    unit = torch.from_numpy(bulk("Pt", a=3.977).cell.array)
    strain = torch.linalg.solve(unit.expand(5, 3, 3), first[Keys.CELL_KEY][:5]) - torch.eye(3, dtype=torch.float64)
    assert 1e-4 < strain.abs().max() <= 0.03 and (strain - strain.transpose(1, 2)).abs().max() < 1e-12
    # The perfect cells have no forces, whatever the expert.
    graph = Graph.from_data(first)
    forces = graph.forces(EdgeModel(allegro(3), compile=False)(graph)[1])
    assert forces[:5].abs().max() < 1e-10 < forces[5:].abs().max()


def test_loss_and_metrics():
    loss = CoTrainingLoss({"complex_forces": 3.0, "crystal_seam": 1.0, "bulk_forces": 0.0})
    preds = {term_key("complex_forces"): torch.tensor([1.0, -3.0]), term_key("crystal_seam"): torch.zeros(0)}
    values = loss(preds, {})
    assert set(values) == {"complex_forces_mse", "crystal_seam_mse", "weighted_sum"}
    assert values["weighted_sum"] == pytest.approx(0.75 * 5.0)
    metrics = CoTrainingMetrics({"complex_forces": None})
    assert metrics(preds, {})["complex_forces_rmse"] == pytest.approx(5.0**0.5)
    with pytest.raises(ConfigError, match="no co-training term 'complex_force'"):
        CoTrainingLoss({"complex_force": 1.0})
    with pytest.raises(ConfigError, match="no co-training term has a coefficient"):
        CoTrainingLoss({"complex_forces": 0.0})
    with pytest.raises(ConfigError, match="'crystal_seam' has a coefficient but cannot be computed"):
        loss({term_key("complex_forces"): torch.ones(2)}, {})


def model(seed, shift=-1.0, types=("Pt",), **extra):
    return {
        "_target_": "tests.helpers.tiny_models.allegro",
        "seed": seed,
        "type_names": list(types),
        "per_type_energy_shifts_trainable": False,
    } | extra


def test_experts_must_share_their_reference():
    pair = two_experts(model(1), model(2))
    assert list(pair) == ["complex", "bulk"]
    with pytest.raises(ModelError, match="same type_names"):
        two_experts(model(1, types=("Pt", "C")), model(2, types=("C", "Pt")))
    with pytest.raises(ModelError, match="trainable"):
        two_experts(model(1), model(2, per_type_energy_shifts_trainable=True))
    bulk_model = allegro(2)
    scale_shift = next(m for m in bulk_model.modules() if type(m).__name__ == "PerTypeScaleShift")
    scale_shift.shifts += 0.5
    from moe_ipi.cotraining.experts import check_shared_reference

    with pytest.raises(ModelError, match="same per_type_energy_shifts"):
        check_shared_reference(allegro(1), bulk_model)


def test_regions_of_the_training_config():
    with pytest.raises(ConfigError, match="needs trained experts"):
        AssignmentTransform({"radius": 3.0, "rules": [{"type": "agreement", "tolerance": 0.1}]}, ["Pt"])
    with pytest.raises(ConfigError, match="regions of the training config: radius"):
        AssignmentTransform({"radius": -3.0}, ["Pt"])
