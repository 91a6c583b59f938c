"""Splines as a product of matrices are the model's own splines."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from moe_ipi.experts.nequip.internals import before_export
from moe_ipi.experts.nequip.saved import saved_module
from moe_ipi.experts.nequip.splines import DenseSplines, with_dense_splines
from tests.helpers.changed_models import before_and_after, number_of
from tests.helpers.tiny_models import SPLINES, allegro


@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-12), ("float32", 1e-5)])
def test_energies_and_gradients_stay(dtype: str, tolerance: float) -> None:
    model = allegro(3, dtype=dtype, radial=SPLINES)
    for old, new in zip(*before_and_after(model, with_dense_splines), strict=True):
        assert np.abs(old).max() > 0
        np.testing.assert_allclose(new, old, atol=tolerance * np.abs(old).max())
    assert number_of(DenseSplines, model) == 1


def test_the_copy_of_the_class_in_a_package(package) -> None:
    model, _ = saved_module(package, "bulk", "bulk")
    before, after = before_and_after(model, with_dense_splines)
    assert number_of(DenseSplines, model) == 1
    np.testing.assert_allclose(after[0], before[0], rtol=1e-12)


def test_other_models_stay_as_they_are() -> None:
    model = allegro(3)
    modules = list(model.modules())
    assert list(with_dense_splines(model).modules()) == modules


def test_every_pair_of_elements_has_its_own_coefficients() -> None:
    model = allegro(3, radial=SPLINES)
    splines = next(module for module in model.modules() if type(module).__name__ == "PerClassSpline")
    x, pairs = torch.rand(40, 1, dtype=torch.float64), torch.arange(40) % splines.num_classes
    torch.testing.assert_close(DenseSplines(splines, torch.float64)(x, pairs), splines(x, pairs))


def test_what_is_exported_is_changed_only_meanwhile() -> None:
    from nequip.scripts import compile as script

    modify = script.modify
    with before_export(lambda model: [model]):
        assert script.modify is not modify
    assert script.modify is modify
