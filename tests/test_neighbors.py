"""Neighbour lists against a brute-force search, and reused lists against fresh ones."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moe_ipi.edges import full_list
from moe_ipi.errors import StructureError
from moe_ipi.frames import checked_frames
from moe_ipi.neighbors import NeighborLists
from tests.helpers.edges import PBCS, PERIODIC, TRICLINIC, as_set, brute_force, within

seeds = st.integers(0, 2**32 - 1)


@pytest.mark.parametrize("pbc", PBCS)
@pytest.mark.parametrize("spread", [1, 4])
def test_equals_brute_force(pbc, spread):
    """A cell smaller than the cutoff, so atoms see their own images; spread: atoms in several cells."""
    positions = np.random.default_rng(1).uniform(-spread, spread, (5, 3)) @ TRICLINIC
    edges = full_list(positions, TRICLINIC, pbc, 5.0)
    expected = brute_force(positions, TRICLINIC, pbc, 5.0, images=3 + 2 * spread)
    assert as_set(edges) == expected
    if any(pbc):
        assert any(i == j for i, j, *_ in expected)


@pytest.mark.parametrize("pbc", PBCS)
def test_vectors_of_directions_that_are_not_periodic_mean_nothing(pbc):
    positions = np.random.default_rng(2).uniform(-6, 6, (20, 3))
    expected = as_set(full_list(positions, TRICLINIC, pbc, 4.0))
    for filling in (np.zeros(3), np.array([1e3, 1e3, 0.0]), TRICLINIC[0] + TRICLINIC[1], np.full(3, np.nan)):
        cell = np.where(np.array(pbc)[:, None], TRICLINIC, filling)
        (edges,) = NeighborLists(4.0, 0.0).batch(checked_frames(positions[None], cell[None], pbc))
        assert as_set(edges) == expected


@given(seeds, st.floats(1.0, 1e4))
@settings(max_examples=40, deadline=None)
def test_unwrapped_atoms_keep_their_vectors(seed, far):
    rng = np.random.default_rng(seed)
    positions = rng.uniform(0, 1, (6, 3)) @ TRICLINIC
    moves = np.round(rng.uniform(-far, far, (6, 3)))
    near = full_list(positions, TRICLINIC, PERIODIC, 5.0)
    moved = positions + moves @ TRICLINIC
    far_edges = full_list(moved, TRICLINIC, PERIODIC, 5.0)
    expected = {
        (i, j, *(np.array(s) - moves[j] + moves[i]).astype(int).tolist())
        for i, j, *s in within(near, positions, TRICLINIC, 4.99)
    }
    assert within(far_edges, moved, TRICLINIC, 4.99) == expected


def test_a_skewed_cell_gives_the_same_neighbours():
    positions = np.random.default_rng(3).uniform(0, 4, (4, 3))
    skew = np.array([[1, 0, 0], [7, 1, 0], [-5, 6, 1]])
    straight, skewed = (full_list(positions, cell, PERIODIC, 6.0) for cell in (TRICLINIC, skew @ TRICLINIC))
    lengths = [
        np.sort(np.linalg.norm(p.vectors(positions, c), axis=1))
        for p, c in ((straight, TRICLINIC), (skewed, skew @ TRICLINIC))
    ]
    np.testing.assert_allclose(lengths[0], lengths[1], atol=1e-10)


@pytest.mark.parametrize("pbc", [(False, False, False), (True, True, False), (True, False, False)])
@pytest.mark.timeout(20)
def test_an_atom_that_flew_away_costs_nothing(pbc):
    positions = np.random.default_rng(4).uniform(0, 8, (50, 3))
    expected = as_set(full_list(positions, 8 * np.eye(3), pbc, 4.0))
    positions = np.vstack((positions, np.where(pbc, 4.0, 3e7)))
    assert {p for p in as_set(full_list(positions, 8 * np.eye(3), pbc, 4.0)) if 50 not in p[:2]} == expected


def test_sorted_by_center_neighbor_shift():
    positions = np.random.default_rng(5).uniform(-3, 3, (12, 3)) @ TRICLINIC
    edges = full_list(positions, TRICLINIC, PERIODIC, 5.0)
    rows = np.column_stack((edges.centers, edges.neighbors, edges.shifts)).tolist()
    assert rows == sorted(rows)
    assert (edges.centers.dtype, edges.neighbors.dtype, edges.shifts.dtype) == (np.int64, np.int64, np.float64)


@pytest.mark.parametrize("count", [0, 1])
def test_no_edges(count):
    edges = NeighborLists(4.0, 0.5).edges(np.zeros((count, 3)), np.zeros((3, 3)), (False,) * 3)
    assert (edges.centers.shape, edges.neighbors.shape, edges.shifts.shape) == ((0,), (0,), (0, 3))


def test_coincident_atoms_are_a_pair():
    edges = NeighborLists(4.0, 0.5).edges(np.ones((2, 3)), np.zeros((3, 3)), (False,) * 3)
    assert as_set(edges) == {(0, 1, 0, 0, 0), (1, 0, 0, 0, 0)}


@pytest.mark.parametrize(
    ("cell", "pbc", "message"),
    [
        (np.diag([5.0, 5.0, 0.0]), PERIODIC, "lattice vector c is zero"),
        (np.array([[5.0, 0, 0], [0, 5, 0], [5, 5, 1e-9]]), PERIODIC, "singular"),
        (np.array([[5.0, 0, 0], [5, 1e-9, 0], [0, 0, 5]]), (True, True, False), "singular"),
        (0.05 * np.eye(3), PERIODIC, "collapsed"),
        (np.diag([5.0, 5.0, 1e7]), PERIODIC, "long"),
    ],
)
def test_bad_cells(cell, pbc, message):
    """Shapes and numbers that are not finite are refused before, see test_frames."""
    with pytest.raises(StructureError, match=message) as caught:
        NeighborLists(4.0, 0.5).edges(np.zeros((2, 3)), cell, pbc)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("arguments", [(0.0, 0.5), (4.0, -0.1), (4.0, 0.5, 0), (float("nan"), 0.5)])
def test_bad_arguments(arguments):
    with pytest.raises(ValueError, match="must"):
        NeighborLists(*arguments)
