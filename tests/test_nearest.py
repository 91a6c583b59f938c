"""Distances to the nearest of some atoms, against all images."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moe_ipi.errors import StructureError
from moe_ipi.nearest import nearest_distances
from tests.helpers.edges import PBCS, TRICLINIC


def all_images(positions, cell, pbc, chosen, reach):
    """The same by trying every image."""
    n = 8
    shifts = np.array(list(product(*(range(-n, n + 1) if periodic else (0,) for periodic in pbc)))) @ np.nan_to_num(
        cell
    )
    images = (positions[chosen][None] + shifts[:, None]).reshape(-1, 3)
    distances = np.array([np.linalg.norm(images - r, axis=1).min(initial=np.inf) for r in positions])
    distances[chosen] = 0.0
    distances[distances > reach] = np.inf
    return distances


@pytest.mark.parametrize("pbc", PBCS)
@given(seed=st.integers(0, 2**32 - 1), reach=st.floats(0.5, 9.0), share=st.floats(0.0, 1.0))
@settings(max_examples=25, deadline=None)
def test_equals_all_images(pbc, seed, reach, share):
    rng = np.random.default_rng(seed)
    positions = rng.uniform(-1.5, 1.5, (12, 3)) @ TRICLINIC
    cell = np.where(np.array(pbc)[:, None], TRICLINIC, np.nan)
    chosen = rng.uniform(size=12) < share
    found = nearest_distances(positions, cell, pbc, chosen, reach)
    np.testing.assert_allclose(found, all_images(positions, cell, pbc, chosen, reach), rtol=0, atol=1e-12)


def test_what_is_just_as_far_is_within():
    positions = np.array([[0.0, 0.0, 0.0], [0.0, 0.0, 2.0], [0.0, 3.0, 0.0]])
    chosen = np.array([True, False, False])
    found = nearest_distances(positions, np.zeros((3, 3)), (False, False, False), chosen, 2.0)
    assert found.tolist() == [0.0, 2.0, np.inf]


def test_collapsed_cell():
    chosen = np.arange(4) < 2
    with pytest.raises(StructureError, match="collapsed"):
        nearest_distances(np.zeros((4, 3)), 1e-2 * np.eye(3), (True, True, True), chosen, 6.0)
