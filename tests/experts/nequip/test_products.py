"""Tensor products without zeros are the products of Allegro."""

from __future__ import annotations

import numpy as np
import pytest

from moe_ipi.experts.nequip import products
from moe_ipi.experts.nequip.channels import ComponentsFirst
from moe_ipi.experts.nequip.products import SparseProduct, with_sparse_products
from moe_ipi.experts.nequip.saved import saved_module
from tests.helpers.changed_models import before_and_after, number_of
from tests.helpers.tiny_models import allegro


@pytest.mark.parametrize(("layers", "l_max"), [(1, 1), (1, 2), (2, 1), (2, 2), (3, 2), (2, 3)])
def test_energies_and_gradients_stay(layers: int, l_max: int) -> None:
    check(allegro(3, layers=layers, l_max=l_max), layers)


@pytest.mark.parametrize("option", ["tp_path_channel_coupling", "weight_individual_irreps"])
def test_channels_that_share_weights(option: str) -> None:
    check(allegro(3, l_max=2, **{option: False}), 2)


def check(model, layers: int) -> None:
    for old, new in zip(*before_and_after(model, with_sparse_products), strict=True):
        assert np.abs(old).max() > 0
        np.testing.assert_allclose(new, old, atol=1e-12 * np.abs(old).max())
    assert number_of(SparseProduct, model) == layers
    assert number_of(ComponentsFirst, model) == 2


def test_as_many_channels_as_components() -> None:
    # Four of both: a tensor that is transposed by mistake has the right shape.
    model = allegro(3, l_max=1)
    assert {module.mul for module in model.modules() if hasattr(module, "w3j")} == {4}
    check(model, 2)


def test_products_without_zeros_are_fewer() -> None:
    model = allegro(3, l_max=2)
    dense = sum(module.w3j[0].numel() for module in model.modules() if hasattr(module, "w3j_is_ij_diagonal"))
    with_sparse_products(model)
    found = sum(len(module.terms) for module in model.modules() if isinstance(module, SparseProduct))
    assert (dense, found) == (9**3 + 9, 83 + 9)


def test_the_copy_of_the_class_in_a_package(package) -> None:
    model, _ = saved_module(package, "bulk", "bulk")
    before, after = before_and_after(model, with_sparse_products)
    assert number_of(SparseProduct, model) > 0
    np.testing.assert_allclose(after[0], before[0], rtol=1e-12)


def test_products_of_a_modifier_stay() -> None:
    model = allegro(3)
    one = next(module for module in model.modules() if hasattr(module, "w3j_is_ij_diagonal"))
    one.__class__ = type("TritonContracter", (type(one),), {})
    modules = list(model.modules())
    assert list(with_sparse_products(model).modules()) == modules


def test_very_many_products_stay(monkeypatch) -> None:
    monkeypatch.setattr(products, "_MOST", 10)
    model = allegro(3, l_max=2)
    modules = list(model.modules())
    assert list(with_sparse_products(model).modules()) == modules
