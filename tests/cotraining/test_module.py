"""The training module: what it gets, what it gives, who moves."""

import pytest
import torch
from nequip.data import AtomicDataDict as Keys
from nequip.utils.global_state import set_global_state

from moe_ipi.cotraining import AssignmentTransform, CoTrainingModule
from moe_ipi.cotraining.terms import AGREEMENT_TERMS, CRYSTAL_TERMS, TERMS, term_key
from moe_ipi.errors import ConfigError, ModelError
from tests.cotraining.test_edges import batch
from tests.helpers.structures import co_on_pt
from tests.helpers.tiny_models import TYPE_NAMES

CELLS = {
    "_target_": "moe_ipi.cotraining.UnlabelledCells",
    "element": "Pt",
    "lattice": "fcc",
    "lattice_parameter": 3.977,
    "perfect": 2,
    "rattled": 1,
}


def config(seed, **extra):
    return {"_target_": "tests.helpers.tiny_models.allegro", "seed": seed, **extra}


def module(**extra):
    set_global_state()
    arguments = {
        "model": {"_target_": "moe_ipi.cotraining.two_experts", "complex": config(1), "bulk": config(2, cutoff=3.5)},
        "num_datasets": {"train": 1, "val": 1, "test": 0},
        "unlabelled": CELLS,
    }
    return CoTrainingModule(**(arguments | extra))


@pytest.fixture(scope="module")
def data():
    """Two CO slabs with labels and assignment."""
    frames = [co_on_pt((2, 2, 5), seed=1), co_on_pt((2, 2, 4), seed=2)]
    transform = AssignmentTransform(
        {"radius": 3.0, "rules": [{"type": "species", "species": ["C", "O"]}]}, list(TYPE_NAMES)
    )
    packed = Keys.batched_from_list([transform(batch(atoms)) for atoms in frames])
    n = len(packed[Keys.POSITIONS_KEY])
    return packed | {
        Keys.TOTAL_ENERGY_KEY: torch.tensor([[-30.0], [-25.0]], dtype=torch.float64),
        Keys.FORCE_KEY: torch.zeros(n, 3, dtype=torch.float64),
        Keys.STRESS_KEY: torch.zeros(2, 3, 3, dtype=torch.float64),
    }


def moved(pair, terms, data):
    """Which experts get a gradient from the terms."""
    out = pair(data)
    sum(out[term_key(t)].square().sum() for t in terms).backward()
    return {
        key: max((p.grad.abs().max().item() for p in model.parameters() if p.grad is not None), default=0.0) > 0
        for key, model in pair.model.items()
    }


def test_all_terms(data):
    out = module()(data)
    assert {term_key(t) for t in TERMS} == set(out)
    assert all(torch.isfinite(residual).all() for residual in out.values())
    # No frame here is bulk altogether; the rattled cell is.
    assert out[term_key("bulk_energy")].numel() == 0 and out[term_key("bulk_forces")].numel() > 0
    assert out[term_key("agreement_stress")].shape == (1, 3, 3) and out[term_key("crystal_energy")].shape == (2,)


def test_labelled_residuals_do_not_depend_on_the_unlabelled_cells(data):
    with_cells, without = module()(data), module(unlabelled=None)(data)
    assert set(with_cells) - set(without) == {term_key(t) for t in CRYSTAL_TERMS}
    for term in ("complex_forces", "complex_stress", "complex_energy", "bulk_forces", "mixed_forces"):
        torch.testing.assert_close(with_cells[term_key(term)], without[term_key(term)])


@pytest.mark.parametrize("agreement", ["two-sided", "one-sided"])
def test_who_moves(data, agreement):
    for terms in (AGREEMENT_TERMS, CRYSTAL_TERMS):
        assert moved(module(agreement=agreement), terms, data) == {"complex": agreement == "two-sided", "bulk": True}
    assert moved(module(agreement=agreement), ["mixed_forces"], data) == {"complex": True, "bulk": True}
    assert moved(module(agreement=agreement), ["complex_forces"], data) == {"complex": True, "bulk": False}


def test_a_frozen_complex_expert_is_the_label(data):
    """Of a finished model nothing moves; the bulk expert is compared with it, whatever labels the frames have."""
    experts = {"complex": config(1), "bulk": config(2, cutoff=3.5)}
    model = {"_target_": "moe_ipi.cotraining.two_experts", "frozen": ["complex"], **experts}
    pair, free = module(agreement="frozen", model=model), module()
    assert moved(pair, TERMS, data) == {"complex": False, "bulk": True}
    out, reference = pair(data), free(data)
    for term in ("complex_energy", "complex_forces", "complex_stress"):
        assert out[term_key(term)].numel() > 0 and (out[term_key(term)] == 0).all()
    # The labels are zero forces.
    of_bulk = reference[term_key("everywhere_forces")] - reference[term_key("complex_forces")]
    torch.testing.assert_close(out[term_key("everywhere_forces")], of_bulk)
    torch.testing.assert_close(out[term_key("agreement_seam")], reference[term_key("agreement_seam")])


def test_a_step_is_reproducible(data):
    first, again, other = (module() for _ in range(3))
    other._step = 5
    a, b, c = first(data), again(data), other(data)
    assert all(torch.equal(a[k], b[k]) for k in a)
    assert not torch.equal(a[term_key("mixed_forces")], c[term_key("mixed_forces")])
    assert torch.equal(a[term_key("complex_forces")], c[term_key("complex_forces")])


@pytest.mark.slow
def test_compiled_experts_give_the_same(data):
    """Really compiled: the residuals and the gradients of the loss."""
    results = []
    for compile in (False, True):
        pair = module(compile=compile)
        out = pair(data)
        out[term_key("complex_forces")].square().mean().backward()
        results.append((out, [p.grad for p in pair.model["complex"].parameters() if p.grad is not None]))
    (eager, g_eager), (compiled, g_compiled) = results
    for key in eager:
        torch.testing.assert_close(eager[key], compiled[key], atol=1e-8, rtol=1e-6)
    assert len(g_eager) == len(g_compiled) > 0
    for a, b in zip(g_eager, g_compiled, strict=True):
        torch.testing.assert_close(a, b, atol=1e-8, rtol=1e-6)


def test_checkpoints_hold_every_parameter_once(data):
    pair = module()
    pair(data)
    names = [k for k in pair.state_dict() if k.startswith("model.")]
    assert {k.split(".")[1] for k in names} == {"complex", "bulk"}
    assert not [k for k in pair.state_dict() if "_edge_models" in k]


def test_refusals(data):
    with pytest.raises(ConfigError, match="'one-sided' or 'frozen'"):
        module(agreement="both")
    with pytest.raises(ConfigError, match=r"needs the argument frozen: \[complex\]"):
        module(agreement="frozen")
    with pytest.raises(ModelError, match="needs the models 'complex' and 'bulk'"):
        module(model=config(1))
    with pytest.raises(ConfigError, match=r"reach 3\.0 A, but an expert's cutoff is 4\.0 A"):
        module(info_dict={"data": {"transforms": [{"_target_": "x"}, {"r_max": 3.0}]}})
    with pytest.raises(ConfigError, match="no assignment"):
        module()({k: v for k, v in data.items() if k != "moe_assignment"})
