"""Neighbour lists against a brute-force search, and reused lists against fresh ones."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from ase.build import bulk
from hypothesis import given, settings
from hypothesis import strategies as st

from moe_ipi.errors import StructureError
from moe_ipi.neighbors import NeighborLists, Pairs, full_list

PERIODIC = (True, True, True)
TRICLINIC = np.array([[4.0, 0.0, 0.0], [1.5, 3.5, 0.0], [-1.0, 1.2, 4.5]])
PBCS = list(product((False, True), repeat=3))
seeds = st.integers(0, 2**32 - 1)


def as_set(pairs: Pairs, keep: np.ndarray | None = None) -> set[tuple[int, ...]]:
    rows = np.column_stack((pairs.centers, pairs.neighbors, pairs.shifts.astype(int)))
    rows = rows if keep is None else rows[keep]
    result = {tuple(row) for row in rows.tolist()}
    assert len(result) == len(rows), "a pair is listed twice"
    return result


def within(pairs: Pairs, positions, cell, cutoff: float) -> set[tuple[int, ...]]:
    """The pairs within the cutoff; random positions leave none at the cutoff itself."""
    return as_set(pairs, np.linalg.norm(pairs.vectors(positions, cell), axis=1) <= cutoff)


def brute_force(positions, cell, pbc, cutoff: float, images: int) -> set[tuple[int, ...]]:
    found = set()
    for shift in product(*(range(-images, images + 1) if periodic else (0,) for periodic in pbc)):
        vectors = positions[None] + np.array(shift) @ cell - positions[:, None]
        close = np.linalg.norm(vectors, axis=-1) <= cutoff
        if not any(shift):
            np.fill_diagonal(close, False)
        found |= {(int(i), int(j), *shift) for i, j in zip(*np.nonzero(close), strict=True)}
    return found


@pytest.mark.parametrize("pbc", PBCS)
@pytest.mark.parametrize("spread", [1, 4])
def test_equals_brute_force(pbc, spread):
    """A cell smaller than the cutoff, so atoms see their own images; spread: atoms in several cells."""
    positions = np.random.default_rng(1).uniform(-spread, spread, (5, 3)) @ TRICLINIC
    pairs = full_list(positions, TRICLINIC, pbc, 5.0)
    expected = brute_force(positions, TRICLINIC, pbc, 5.0, images=3 + 2 * spread)
    assert as_set(pairs) == expected
    if any(pbc):
        assert any(i == j for i, j, *_ in expected)


@pytest.mark.parametrize("pbc", PBCS)
def test_vectors_of_directions_that_are_not_periodic_mean_nothing(pbc):
    positions = np.random.default_rng(2).uniform(-6, 6, (20, 3))
    expected = as_set(full_list(positions, TRICLINIC, pbc, 4.0))
    for filling in (np.zeros(3), np.array([1e3, 1e3, 0.0]), TRICLINIC[0] + TRICLINIC[1], np.full(3, np.nan)):
        cell = np.where(np.array(pbc)[:, None], TRICLINIC, filling)
        assert as_set(NeighborLists(4.0, 0.0).pairs(positions, cell, pbc)) == expected


@given(seeds, st.floats(1.0, 1e4))
@settings(max_examples=40, deadline=None)
def test_unwrapped_atoms_keep_their_vectors(seed, far):
    rng = np.random.default_rng(seed)
    positions = rng.uniform(0, 1, (6, 3)) @ TRICLINIC
    moves = np.round(rng.uniform(-far, far, (6, 3)))
    near = full_list(positions, TRICLINIC, PERIODIC, 5.0)
    moved = positions + moves @ TRICLINIC
    far_pairs = full_list(moved, TRICLINIC, PERIODIC, 5.0)
    expected = {
        (i, j, *(np.array(s) - moves[j] + moves[i]).astype(int).tolist())
        for i, j, *s in within(near, positions, TRICLINIC, 4.99)
    }
    assert within(far_pairs, moved, TRICLINIC, 4.99) == expected


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
    pairs = full_list(positions, TRICLINIC, PERIODIC, 5.0)
    rows = np.column_stack((pairs.centers, pairs.neighbors, pairs.shifts)).tolist()
    assert rows == sorted(rows)
    assert (pairs.centers.dtype, pairs.neighbors.dtype, pairs.shifts.dtype) == (np.int64, np.int64, np.float64)


@given(
    seeds, st.sampled_from(PBCS), st.floats(0.0, 0.6), st.floats(0.0, 0.08), st.floats(0.0, 20.0), st.floats(0.01, 1.0)
)
@settings(max_examples=200, deadline=None)
def test_a_reused_list_misses_no_pair(seed, pbc, step, strain, drift, skin):
    """Random moves, strains and drifts, of atoms several cells apart; reuse or rebuild is the cache's choice."""
    rng = np.random.default_rng(seed)
    lists = NeighborLists(4.0, skin)
    old = rng.uniform(-3, 3, (10, 3)) @ TRICLINIC
    lists.pairs(old, TRICLINIC, pbc)
    deformation = np.eye(3) + rng.uniform(-strain, strain, (3, 3))
    cell = TRICLINIC @ deformation
    # Follows the strain or not: with a barostat it does, with a new cell out of nowhere it does not.
    new = (old @ deformation if rng.random() < 0.8 else old) + rng.uniform(-step, step, (10, 3)) + drift * rng.random(3)
    reused, fresh = lists.pairs(new, cell, pbc), full_list(new, cell, pbc, 4.0)
    assert within(reused, new, cell, 4.0) == within(fresh, new, cell, 4.0)


def test_the_criterion_is_tight():
    """Two atoms at the ends of the skin: reused just before a pair can be missing, rebuilt just after."""
    lists = NeighborLists(3.0, 1.0)
    old = np.array([[0.0, 0.0, 0.0], [4.0 + 1e-6, 0.0, 0.0]])
    assert len(lists.pairs(old, np.zeros((3, 3)), (False,) * 3).centers) == 0
    approach = np.array([[0.5, 0.0, 0.0], [-0.5, 0.0, 0.0]])
    assert len(lists.pairs(old + 0.9999 * approach, np.zeros((3, 3)), (False,) * 3).centers) == 0
    assert lists.builds == 1
    assert len(lists.pairs(old + 1.00001 * approach, np.zeros((3, 3)), (False,) * 3).centers) == 2
    assert lists.builds == 2


@pytest.mark.parametrize("pbc", [PERIODIC, (True, False, False)])
@pytest.mark.parametrize("scale", [1.0, 0.875, 0.76])
def test_the_criterion_is_tight_under_strain(scale, pbc):
    """A strain, then moves, bring two atoms from beyond the skin to the cutoff: rebuilt no earlier and no later."""
    lists = NeighborLists(3.0, 1.0)
    old, cell = np.array([[90.0, 0.0, 0.0], [94.0 + 1e-6, 0.0, 0.0]]), 40 * np.eye(3)
    strain = np.diag([scale, 1.0, 1.0])
    # The bound on a pair is that of the largest stretch, here of the direction in which the atoms approach.
    approach = (4.0 * scale - 3.0) / 2 * np.array([[1.0, 0.0, 0.0], [-1.0, 0.0, 0.0]])
    lists.pairs(old, cell, pbc)
    before, after = (old @ strain + approach + gap * np.array([[1.0, 0, 0], [-1.0, 0, 0]]) for gap in (-1e-4, 1e-4))
    assert len(lists.pairs(before, cell @ strain, pbc).centers) == 0
    assert lists.builds == 1
    assert within(lists.pairs(after, cell @ strain, pbc), after, cell @ strain, 3.0) == {
        (0, 1, 0, 0, 0),
        (1, 0, 0, 0, 0),
    }
    assert lists.builds == 2


def test_small_strain_of_a_big_unwrapped_system_reuses_the_list():
    atoms = bulk("Pt", cubic=True) * 3
    positions, cell = atoms.positions + 1000 * atoms.cell.array[0], atoms.cell.array
    lists = NeighborLists(4.0, 0.5)
    lists.pairs(positions, cell, PERIODIC)
    lists.pairs(positions * 0.95, cell * 0.95, PERIODIC)
    lists.pairs(positions + 17.0, cell, PERIODIC)
    assert lists.builds == 1
    lists.pairs(positions * 0.85, cell * 0.85, PERIODIC)
    assert lists.builds == 2


def test_beads_in_turn_reuse_their_lists():
    rng = np.random.default_rng(6)
    beads = [rng.uniform(0, 12, (40, 3)) for _ in range(6)]
    lists = NeighborLists(4.0, 0.5, capacity=6)
    for _ in range(5):
        for bead in beads:
            bead += rng.uniform(-0.01, 0.01, bead.shape)
            pairs = lists.pairs(bead, 12 * np.eye(3), PERIODIC)
            assert within(pairs, bead, 12 * np.eye(3), 4.0) == within(
                full_list(bead, 12 * np.eye(3), PERIODIC, 4.0), bead, 12 * np.eye(3), 4.0
            )
    assert lists.builds == 6


def test_the_least_recently_used_list_is_dropped():
    frames = [np.random.default_rng(k).uniform(0, 12, (20, 3)) for k in range(3)]
    lists = NeighborLists(4.0, 0.5, capacity=2)
    for k, builds in ((0, 1), (1, 2), (0, 2), (2, 3), (0, 3), (1, 4)):
        lists.pairs(frames[k], 12 * np.eye(3), PERIODIC)
        assert lists.builds == builds, k


def test_the_caller_may_overwrite_its_arrays():
    positions, cell = np.random.default_rng(7).uniform(0, 12, (20, 3)), 12 * np.eye(3)
    lists = NeighborLists(4.0, 0.5)
    lists.pairs(positions, cell, PERIODIC)
    positions[:] = np.random.default_rng(8).uniform(0, 12, (20, 3))
    pairs = lists.pairs(positions, cell, PERIODIC)
    assert lists.builds == 2
    assert within(pairs, positions, cell, 4.0) == brute_force(positions, cell, PERIODIC, 4.0, images=1)


def test_number_of_atoms_and_periodicity_select_the_list():
    positions = np.random.default_rng(9).uniform(0, 6, (10, 3))
    lists = NeighborLists(4.0, 0.5)
    for count, pbc in ((10, PERIODIC), (9, PERIODIC), (10, (True, True, False))):
        pairs = lists.pairs(positions[:count], 6 * np.eye(3), pbc)
        expected = brute_force(positions[:count], 6 * np.eye(3), pbc, 4.0, images=2)
        assert within(pairs, positions[:count], 6 * np.eye(3), 4.0) == expected
    assert lists.builds == 3


@pytest.mark.parametrize("count", [0, 1])
def test_no_pairs(count):
    pairs = NeighborLists(4.0, 0.5).pairs(np.zeros((count, 3)), np.zeros((3, 3)), (False,) * 3)
    assert (pairs.centers.shape, pairs.neighbors.shape, pairs.shifts.shape) == ((0,), (0,), (0, 3))


def test_coincident_atoms_are_a_pair():
    pairs = NeighborLists(4.0, 0.5).pairs(np.ones((2, 3)), np.zeros((3, 3)), (False,) * 3)
    assert as_set(pairs) == {(0, 1, 0, 0, 0), (1, 0, 0, 0, 0)}


@pytest.mark.parametrize(
    ("positions", "cell", "pbc", "message"),
    [
        (np.zeros((2, 3)), np.diag([5.0, 5.0, 0.0]), PERIODIC, "lattice vector c is zero"),
        (np.zeros((2, 3)), np.array([[5.0, 0, 0], [0, 5, 0], [5, 5, 1e-9]]), PERIODIC, "singular"),
        (np.zeros((2, 3)), np.array([[5.0, 0, 0], [5, 1e-9, 0], [0, 0, 5]]), (True, True, False), "singular"),
        (np.zeros((2, 3)), 0.05 * np.eye(3), PERIODIC, "collapsed"),
        (np.zeros((2, 3)), np.diag([5.0, 5.0, 1e7]), PERIODIC, "long"),
        (np.array([[0, 0, 0], [np.nan, 0, 0]]), np.eye(3), PERIODIC, "atom 1 is not finite"),
        (np.zeros((2, 3)), np.diag([5.0, np.inf, 5.0]), PERIODIC, "cell is not finite"),
        (np.zeros((2, 2)), np.eye(3), PERIODIC, r"shape \(N, 3\)"),
        (np.zeros((2, 3)), np.eye(2), PERIODIC, r"shape \(3, 3\)"),
        (np.zeros((2, 3)), np.eye(3), (True, True), "three booleans"),
    ],
)
def test_bad_structures(positions, cell, pbc, message):
    with pytest.raises(StructureError, match=message) as caught:
        NeighborLists(4.0, 0.5).pairs(positions, cell, pbc)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("arguments", [(0.0, 0.5), (4.0, -0.1), (4.0, 0.5, 0), (float("nan"), 0.5)])
def test_bad_arguments(arguments):
    with pytest.raises(ValueError, match="must"):
        NeighborLists(*arguments)
