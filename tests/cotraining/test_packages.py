"""Trainings that start from packages."""

import numpy as np
import pytest
import torch
from nequip.utils.global_state import set_global_state

from moe_ipi.cotraining import CoTrainingModule
from moe_ipi.cotraining.assignment import ASSIGNMENT_KEY
from moe_ipi.cotraining.experts import two_experts
from moe_ipi.cotraining.terms import AGREEMENT_TERMS, term_key
from moe_ipi.errors import ModelError
from moe_ipi.experts.expert import Environments
from moe_ipi.experts.nequip.internals import load_saved
from moe_ipi.experts.nequip.module import expert_from_module
from tests.cotraining.test_edges import batch
from tests.cotraining.test_module import config
from tests.helpers.structures import co_on_pt


def packaged(path):
    return {"_target_": "nequip.model.ModelFromPackage", "package_path": str(path)}


def environments():
    """Of 20 atoms."""
    rng = np.random.default_rng(0)
    centers = np.sort(rng.integers(0, 20, 200))
    return Environments(rng.normal(0, 2, (200, 3)), centers, rng.integers(0, 3, 20), rng.integers(0, 3, 200))


@pytest.mark.parametrize("which", ["complex", "bulk"])
def test_either_expert_can_come_from_a_package(package, which):
    """Its energies are those of the package to the last bit, and the other's parameters are trained beside its own."""
    set_global_state()
    other = "bulk" if which == "complex" else "complex"
    # The package holds 'bulk' and 'sole_model'.
    if which == "complex":
        with pytest.raises(ModelError, match="holds sole_model, bulk, none of which is 'complex'"):
            two_experts(complex=packaged(package), bulk=config(2))
    pair = two_experts(**{which: packaged(package) | {"key": "bulk"}, other: config(2)})
    found = expert_from_module(pair[which]).evaluate(environments())
    expected = expert_from_module(load_saved(package)["bulk"]).evaluate(environments())
    assert np.array_equal(found[0], expected[0]) and np.array_equal(found[1], expected[1])
    assert {type(m).__module__.partition(".")[0] for m in pair.modules()} <= {"allegro", "e3nn", "nequip", "torch"}


def test_a_training_starts_from_a_package_and_goes_on(package):
    """Gradients reach the parameters, and a second module takes the state of the first."""
    set_global_state()
    model = {"complex": packaged(package) | {"key": "sole_model"}, "bulk": packaged(package)}

    def module():
        return CoTrainingModule(
            model={"_target_": "moe_ipi.cotraining.two_experts"} | model,
            num_datasets={"train": 1, "val": 1, "test": 0},
        )

    pair = module()
    data = batch(co_on_pt((2, 2, 4), seed=2))
    data[ASSIGNMENT_KEY] = torch.zeros(len(data["pos"]), dtype=torch.int64)
    out = pair(data)
    sum(out[term_key(term)].square().sum() for term in AGREEMENT_TERMS).backward()
    for expert in pair.model.values():
        assert max(p.grad.abs().max() for p in expert.parameters() if p.grad is not None) > 0
    with torch.no_grad():
        for parameter in pair.parameters():
            parameter += 0.01
    other = module()
    other.load_state_dict(pair.state_dict())
    assert all(torch.equal(other(data)[k], v) for k, v in pair(data).items())
