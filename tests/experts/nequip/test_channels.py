"""Weights that are repeated are the products of Allegro."""

from __future__ import annotations

import numpy as np
import pytest

from moe_ipi.experts.nequip.channels import RepeatedWeights, with_repeated_weights
from moe_ipi.experts.nequip.chunk import crystal_like
from moe_ipi.experts.nequip.module import expert_from_module
from moe_ipi.experts.nequip.saved import saved_module
from tests.helpers.tiny_models import allegro


@pytest.mark.parametrize(("layers", "number"), [(1, 2), (2, 1)])
def test_energies_and_gradients_stay(layers: int, number: int) -> None:
    model = allegro(3, layers=layers, l_max=2)
    expert = expert_from_module(model)
    environments = crystal_like(expert, 500)
    before = expert.evaluate(environments)
    after = expert_from_module(with_repeated_weights(model)).evaluate(environments)
    assert sum(isinstance(module, RepeatedWeights) for module in model.modules()) == number
    for old, new in zip(before, after, strict=True):
        assert np.abs(old).max() > 0
        np.testing.assert_allclose(new, old, atol=1e-12 * np.abs(old).max())


def test_the_copy_of_the_class_in_a_package(package) -> None:
    model, _ = saved_module(package, "bulk", "bulk")
    expected = expert_from_module(model)
    environments = crystal_like(expected, 500)
    energies, _ = expected.evaluate(environments)
    with_repeated_weights(model)
    assert any(isinstance(module, RepeatedWeights) for module in model.modules())
    np.testing.assert_allclose(expert_from_module(model).evaluate(environments)[0], energies, rtol=1e-12)
