"""Reused neighbour lists against fresh ones, and how long they are kept."""

from __future__ import annotations

import numpy as np
import pytest
from ase.build import bulk
from hypothesis import given, settings
from hypothesis import strategies as st

from moe_ipi.edges import full_list
from moe_ipi.neighbors import NeighborLists
from tests.helpers.edges import PBCS, PERIODIC, TRICLINIC, brute_force, many_frames, shaken, within

seeds = st.integers(0, 2**32 - 1)


@given(
    seeds, st.sampled_from(PBCS), st.floats(0.0, 0.6), st.floats(0.0, 0.08), st.floats(0.0, 20.0), st.floats(0.01, 1.0)
)
@settings(max_examples=200, deadline=None)
def test_a_reused_list_misses_no_pair(seed, pbc, step, strain, drift, skin):
    """Random moves, strains and drifts, of atoms several cells apart; reuse or rebuild is the cache's choice."""
    rng = np.random.default_rng(seed)
    lists = NeighborLists(4.0, skin)
    old = rng.uniform(-3, 3, (10, 3)) @ TRICLINIC
    lists.edges(old, TRICLINIC, pbc)
    deformation = np.eye(3) + rng.uniform(-strain, strain, (3, 3))
    cell = TRICLINIC @ deformation
    # Follows the strain or not: with a barostat it does, with a new cell out of nowhere it does not.
    new = (old @ deformation if rng.random() < 0.8 else old) + rng.uniform(-step, step, (10, 3)) + drift * rng.random(3)
    reused, fresh = lists.edges(new, cell, pbc), full_list(new, cell, pbc, 4.0)
    assert within(reused, new, cell, 4.0) == within(fresh, new, cell, 4.0)


def test_the_criterion_is_tight():
    """Two atoms at the ends of the skin: reused just before a pair can be missing, rebuilt just after."""
    lists = NeighborLists(3.0, 1.0)
    old = np.array([[0.0, 0.0, 0.0], [4.0 + 1e-6, 0.0, 0.0]])
    assert len(lists.edges(old, np.zeros((3, 3)), (False,) * 3).centers) == 0
    approach = np.array([[0.5, 0.0, 0.0], [-0.5, 0.0, 0.0]])
    assert len(lists.edges(old + 0.9999 * approach, np.zeros((3, 3)), (False,) * 3).centers) == 0
    assert lists.builds == 1
    assert len(lists.edges(old + 1.00001 * approach, np.zeros((3, 3)), (False,) * 3).centers) == 2
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
    lists.edges(old, cell, pbc)
    before, after = (old @ strain + approach + gap * np.array([[1.0, 0, 0], [-1.0, 0, 0]]) for gap in (-1e-4, 1e-4))
    assert len(lists.edges(before, cell @ strain, pbc).centers) == 0
    assert lists.builds == 1
    assert within(lists.edges(after, cell @ strain, pbc), after, cell @ strain, 3.0) == {
        (0, 1, 0, 0, 0),
        (1, 0, 0, 0, 0),
    }
    assert lists.builds == 2


def test_small_strain_of_a_big_unwrapped_system_reuses_the_list():
    atoms = bulk("Pt", cubic=True) * 3
    positions, cell = atoms.positions + 1000 * atoms.cell.array[0], atoms.cell.array
    lists = NeighborLists(4.0, 0.5)
    lists.edges(positions, cell, PERIODIC)
    lists.edges(positions * 0.95, cell * 0.95, PERIODIC)
    lists.edges(positions + 17.0, cell, PERIODIC)
    assert lists.builds == 1
    lists.edges(positions * 0.85, cell * 0.85, PERIODIC)
    assert lists.builds == 2


def test_beads_in_turn_reuse_their_lists():
    rng = np.random.default_rng(6)
    beads = [rng.uniform(0, 12, (40, 3)) for _ in range(6)]
    lists = NeighborLists(4.0, 0.5, capacity=6)
    for _ in range(5):
        for bead in beads:
            bead += rng.uniform(-0.01, 0.01, bead.shape)
            edges = lists.edges(bead, 12 * np.eye(3), PERIODIC)
            assert within(edges, bead, 12 * np.eye(3), 4.0) == within(
                full_list(bead, 12 * np.eye(3), PERIODIC, 4.0), bead, 12 * np.eye(3), 4.0
            )
    assert lists.builds == 6


def test_the_least_recently_used_list_is_dropped():
    frames = [np.random.default_rng(k).uniform(0, 12, (20, 3)) for k in range(3)]
    lists = NeighborLists(4.0, 0.5, capacity=2)
    for k, builds in ((0, 1), (1, 2), (0, 2), (2, 3), (0, 3), (1, 4)):
        lists.edges(frames[k], 12 * np.eye(3), PERIODIC)
        assert lists.builds == builds, k


def test_the_caller_may_overwrite_its_arrays():
    positions, cell = np.random.default_rng(7).uniform(0, 12, (20, 3)), 12 * np.eye(3)
    lists = NeighborLists(4.0, 0.5)
    lists.edges(positions, cell, PERIODIC)
    positions[:] = np.random.default_rng(8).uniform(0, 12, (20, 3))
    edges = lists.edges(positions, cell, PERIODIC)
    assert lists.builds == 2
    assert within(edges, positions, cell, 4.0) == brute_force(positions, cell, PERIODIC, 4.0, images=1)


def test_number_of_atoms_and_periodicity_select_the_list():
    positions = np.random.default_rng(9).uniform(0, 6, (10, 3))
    lists = NeighborLists(4.0, 0.5)
    for count, pbc in ((10, PERIODIC), (9, PERIODIC), (10, (True, True, False))):
        edges = lists.edges(positions[:count], 6 * np.eye(3), pbc)
        expected = brute_force(positions[:count], 6 * np.eye(3), pbc, 4.0, images=2)
        assert within(edges, positions[:count], 6 * np.eye(3), 4.0) == expected
    assert lists.builds == 3


@pytest.mark.parametrize("count", [64, 65, 200])
def test_a_batch_of_any_size_keeps_its_lists(count):
    lists, frames = NeighborLists(4.0, 0.5), many_frames(count)
    lists.batch(frames)
    assert lists.builds == count
    for seed in range(3):
        batch = shaken(frames, seed)
        found = lists.batch(batch)
        assert len(found) == count
        assert within(found[-1], *list(batch)[-1], 4.0) == within(
            full_list(*list(batch)[-1], PERIODIC, 4.0), *list(batch)[-1], 4.0
        )
    assert lists.builds == count


@pytest.mark.parametrize("count", [65, 150])
def test_any_number_of_frames_may_come_one_by_one(count):
    """The capacity follows: it takes a few rounds to see that they come again."""
    lists, frames = NeighborLists(4.0, 0.5), many_frames(count)

    def sweep(seed: int) -> int:
        before = lists.builds
        for positions, cell in shaken(frames, seed):
            lists.edges(positions, cell, PERIODIC)
        return lists.builds - before

    builds = [sweep(seed) for seed in range(8)]
    assert builds[0] == count and builds[-3:] == [0, 0, 0], builds
    assert lists.capacity <= 4 * count


def test_batches_and_single_frames_in_turn_share_the_lists():
    lists, frames = NeighborLists(4.0, 0.5), many_frames(100)
    for seed in range(3):
        lists.batch(shaken(frames, seed))
        for positions, cell in shaken(frames, seed):
            lists.edges(positions, cell, PERIODIC)
    assert lists.builds == 100


def test_without_a_skin_nothing_is_kept_for_ever():
    """Every step builds a list that is of no use later: they must not pile up."""
    lists, frames = NeighborLists(4.0, 0.0), many_frames(10)
    for seed in range(60):
        lists.batch(shaken(frames, seed))
        for positions, cell in shaken(frames, 1000 + seed):
            lists.edges(positions, cell, PERIODIC)
    assert lists.builds == 1200
    assert lists.capacity == 64


def test_frames_that_never_come_again_do_not_grow_the_cache_without_bound(monkeypatch):
    """A long file of unrelated structures, one by one."""
    monkeypatch.setattr("moe_ipi.neighbors._MOST_BYTES", 100_000)
    lists = NeighborLists(4.0, 0.5)
    for positions, cell in many_frames(600):
        lists.edges(positions, cell, PERIODIC)
    assert lists.builds == 600
    assert lists.capacity <= 256
