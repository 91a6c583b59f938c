"""Weights that are repeated are the products of Allegro."""

from __future__ import annotations

import numpy as np
import pytest

from moe_ipi.experts.nequip.channels import RepeatedWeights, with_repeated_weights
from moe_ipi.experts.nequip.saved import saved_module
from tests.helpers.changed_models import before_and_after, number_of
from tests.helpers.tiny_models import allegro


@pytest.mark.parametrize(("layers", "number"), [(1, 2), (2, 1)])
def test_energies_and_gradients_stay(layers: int, number: int) -> None:
    model = allegro(3, layers=layers, l_max=2)
    for old, new in zip(*before_and_after(model, with_repeated_weights), strict=True):
        assert np.abs(old).max() > 0
        np.testing.assert_allclose(new, old, atol=1e-12 * np.abs(old).max())
    assert number_of(RepeatedWeights, model) == number


def test_the_copy_of_the_class_in_a_package(package) -> None:
    model, _ = saved_module(package, "bulk", "bulk")
    before, after = before_and_after(model, with_repeated_weights)
    assert number_of(RepeatedWeights, model) > 0
    np.testing.assert_allclose(after[0], before[0], rtol=1e-12)
