"""The order of a list, and lists of some atoms only."""

from __future__ import annotations

import numpy as np
import pytest

from moe_ipi.edges import full_list
from tests.helpers.edges import PBCS, TRICLINIC


def assert_sorted(edges) -> None:
    order = np.lexsort((*edges.shifts.T[::-1], edges.neighbors, edges.centers))
    assert np.array_equal(order, np.arange(len(order)))
    rows = np.column_stack([edges.centers, edges.neighbors, edges.shifts])
    assert len(np.unique(rows, axis=0)) == len(rows)


@pytest.mark.parametrize("cutoff", [3.0, 9.0])  # few and many (hundreds of) edges of one atom
def test_order(cutoff):
    positions = np.random.default_rng(0).uniform(-2, 2, (6, 3)) @ TRICLINIC
    edges = full_list(positions, TRICLINIC, (True, True, True), cutoff)
    counts = np.bincount(edges.centers)
    assert bool(counts.max() > 256) is (cutoff > 5.0)
    assert_sorted(edges)


@pytest.mark.parametrize("pbc", PBCS)
@pytest.mark.parametrize("share", [0.0, 0.02, 0.3, 1.0])
def test_list_of_some_centers_is_a_part_of_the_whole(pbc, share):
    rng = np.random.default_rng(3)
    positions = rng.uniform(-2, 2, (60, 3)) @ (2.0 * TRICLINIC)
    cell = np.where(np.array(pbc)[:, None], 2.0 * TRICLINIC, np.nan)
    chosen = rng.uniform(size=60) < share
    whole = full_list(positions, cell, pbc, 4.0)
    part = full_list(positions, cell, pbc, 4.0, chosen)
    kept = chosen[whole.centers]
    for name in ("centers", "neighbors", "shifts"):
        assert np.array_equal(getattr(part, name), getattr(whole, name)[kept])
