"""A partition that remembers."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moe_ipi.config import RegionsConfig
from moe_ipi.errors import StructureError
from moe_ipi.regions.partitioner import Partitioner
from moe_ipi.regions.tracker import Tracker

CARBON = {"type": "species", "species": ["C"]}
FLAT = np.zeros((3, 3)), (False, False, False)


def line(*distances: float) -> np.ndarray:
    """(1, N, 3): C at the origin and Pt at the distances, in different directions."""
    angles = np.arange(len(distances)) * 2.0
    return np.array([[[0, 0, 0], *([d * np.cos(a), d * np.sin(a), 0] for d, a in zip(distances, angles, strict=True))]])


def tracker(*rules: dict, **regions: object) -> Tracker:
    return Tracker(RegionsConfig(rules=list(rules), **regions), ["C", "Pt", "Pt"])


def flips(tracker: Tracker, frames: list[np.ndarray]) -> int:
    """How often the first Pt atom changes its expert."""
    seen = [tracker.update(frame, *FLAT)[1] for frame in frames]
    return int(np.sum(np.diff(np.array(seen, int)) != 0))


#: An atom that vibrates by 0.1 A across a distance of 3 A.
VIBRATION = [line(3.0 + 0.1 * (-1) ** k, 9.0) for k in range(20)]


def test_hysteresis_prevents_flicker_and_without_it_there_is() -> None:
    assert flips(tracker(CARBON, radius_in=3.0, radius_out=3.2), VIBRATION) <= 1
    assert flips(tracker(CARBON, radius=3.0), VIBRATION) == 19


def test_hysteresis_in_both_directions() -> None:
    follower = tracker(CARBON, radius_in=3.0, radius_out=3.5)
    seen = [follower.update(line(d, 9.0), *FLAT)[1] for d in (3.2, 3.0, 3.2, 3.5, 3.6, 3.5, 3.2, 2.9)]
    assert seen == [False, True, True, True, False, False, False, True]


def test_an_atom_stays_for_the_time_of_dwell() -> None:
    follower = tracker(CARBON, radius=3.0, dwell=3)
    seen = [follower.update(line(d, 9.0), *FLAT)[1] for d in (2.9, 4.0, 4.0, 4.0, 4.0, 2.9, 4.0, 2.9, 4.0, 4.0)]
    # Joins at once, is complex for three segments, and may then leave.
    assert seen == [True, True, True, False, False, True, True, True, False, False]


COORDINATION = {"type": "coordination", "species": ["Pt"], "cutoff": 3.0, "below": 1}


def test_an_average_does_not_flicker() -> None:
    """Two Pt that vibrate about the cutoff: apart at every third boundary, together in two of three samples."""
    seen = {}
    for name, rule in {"present": COORDINATION, "average": COORDINATION | {"average": True, "below": 0.5}}.items():
        follower = Tracker(RegionsConfig(radius=0.0, rules=[rule]), ["Pt", "Pt"])
        assert follower.needs_samples == (name == "average")
        seen[name] = []
        for k in range(30):
            for distance in (2.8, 2.9, 3.1 if k % 3 == 2 else 2.8):
                frame = np.array([[[0, 0, 0], [distance, 0, 0]]])
                follower.sample(frame, *FLAT)
            seen[name].append(bool(follower.update(frame, *FLAT)[0]))
    assert seen["present"] == [False, False, True] * 10
    assert seen["average"] == [False] * 30


def test_the_average_is_over_the_samples_of_the_segment_in_each_frame() -> None:
    rule = COORDINATION | {"average": True}
    follower = Tracker(RegionsConfig(radius=0.0, rules=[rule]), ["Pt", "Pt", "Pt"])
    near, far = [[0, 0, 0], [2.8, 0, 0], [5.6, 0, 0]], [[0, 0, 0], [2.8, 0, 0], [6.0, 0, 0]]
    # The last atom has a neighbour in two of three samples of both frames: its average is below 1 in both.
    for second in (near, far, near):
        follower.sample(np.array([near, second], float), *FLAT)
    np.testing.assert_array_equal(follower.update(np.array([near, near], float), *FLAT), [False, False, True])
    # A new segment: what was before is forgotten.
    follower.sample(np.array([near, near], float), *FLAT)
    assert not follower.update(np.array([far, far], float), *FLAT).any()
    # Without samples the present structure counts.
    np.testing.assert_array_equal(follower.update(np.array([near, far], float), *FLAT), [False, False, True])


RULES = [CARBON, {"type": "coordination", "species": ["Pt"], "cutoff": 3.0, "below": 2, "average": True}]


@given(st.integers(0, 2**32 - 1), st.integers(0, 3), st.integers(1, 30))
@settings(max_examples=40, deadline=None)
def test_stopping_anywhere_changes_nothing(seed: int, dwell: int, stop: int) -> None:
    species = ["C", "Pt", "Pt", "Pt", "Pt", "C"]
    regions = RegionsConfig(radius_in=2.5, radius_out=3.0, dwell=dwell, rules=RULES)
    rng = np.random.default_rng(seed)
    frames = rng.uniform(0, 5, (1, 6, 3)) + np.cumsum(rng.normal(0, 0.3, (31, 2, 6, 3)), axis=0)
    one, other = Tracker(regions, species), Tracker(regions, species)
    for k, frame in enumerate(frames):
        for follower in (one, other):
            follower.sample(frame, *FLAT)
            if k % 4 == 0:
                follower.update(frame, *FLAT)
        if k == stop:
            state = json.loads(json.dumps(other.state()))
            assignment = other.assignment
            other = Tracker(regions, species)
            other.restore(assignment, state)
        np.testing.assert_array_equal(one.assignment, other.assignment)
        assert one.state() == other.state()


def test_without_memory_it_is_the_partitioner() -> None:
    rng = np.random.default_rng(5)
    regions = RegionsConfig(radius=3.0, rules=[CARBON, COORDINATION])
    follower, partitioner = Tracker(regions, ["C", "Pt", "Pt"]), Partitioner(regions, ["C", "Pt", "Pt"])
    assert follower.assignment is None
    for _ in range(20):
        frames = rng.uniform(0, 6, (3, 3, 3))
        np.testing.assert_array_equal(follower.update(frames, *FLAT), partitioner.assign(frames, *FLAT))


def test_a_lost_memory_lets_atoms_leave_and_a_foreign_one_is_refused() -> None:
    follower = tracker(CARBON, radius=3.0, dwell=5)
    follower.restore(np.array([True, True, False]), None)
    np.testing.assert_array_equal(follower.update(line(9.0, 9.0), *FLAT), [True, False, False])
    state = follower.state()
    with pytest.raises(StructureError, match="of 2 atoms, and there are 3"):
        follower.restore(np.array([True, False]), None)
    with pytest.raises(StructureError, match="of 2 atoms, and there are 3"):
        follower.restore(np.array([True, False, False]), state | {"age": [0, 0]})
    with pytest.raises(StructureError, match="of 2 atoms, and there are 3"):
        follower.restore(np.array([True, False, False]), state | {"sums": [[[0, 0]]], "samples": 1})


@pytest.mark.parametrize(
    "damage",
    [
        {"age": None},
        {"age": [0, 0.5, 0]},
        {"age": [0, -1, 0]},
        {"age": [[0, 0, 0]]},
        {"sums": [[[0, 0, 0]], [[0, 0]]]},
        {"sums": "zero"},
        {"samples": "many"},
        {"age": [0, 2**80, 0]},
    ],
)
def test_a_damaged_memory_is_refused_in_one_line_and_changes_nothing(damage: dict) -> None:
    follower = tracker(COORDINATION | {"average": True}, CARBON, radius=3.0, dwell=2)
    follower.update(line(2.0, 9.0), *FLAT)
    follower.sample(line(2.0, 9.0), *FLAT)
    before = follower.state()
    for state in (before | damage, {key: before[key] for key in before if key not in damage}):
        with pytest.raises(StructureError, match=r"^the memory of the regions is damaged: .*$"):
            follower.restore(np.zeros(3, bool), state)
    assert follower.state() == before
    assert follower.assignment.all()


def test_averages_of_other_rules_are_forgotten() -> None:
    old = tracker(COORDINATION | {"average": True}, radius=3.0)
    old.sample(line(2.0, 9.0), *FLAT)
    for rule in (CARBON, COORDINATION, COORDINATION | {"average": True, "cutoff": 3.1}):
        new = tracker(rule, radius=3.0)
        new.restore(np.zeros(3, bool), old.state())
        assert new.state()["sums"] is None
    # What only compares with the average may change.
    new = tracker(CARBON, COORDINATION | {"average": True, "below": 2.5}, radius=3.0)
    new.restore(np.zeros(3, bool), old.state())
    assert new.state() == old.state()


@pytest.mark.parametrize(("before", "after"), [(1, 4), (4, 1), (4, 2)])
def test_averages_of_other_frames_are_forgotten(before: int, after: int) -> None:
    """A run that is continued with the centroid instead of the beads."""
    regions = RegionsConfig(radius=0.0, rules=[COORDINATION | {"average": True}])
    old, new = Tracker(regions, ["Pt", "Pt"]), Tracker(regions, ["Pt", "Pt"])
    near, far = (np.array([[[0, 0, 0], [distance, 0, 0]]]) for distance in (2.0, 9.0))
    for _ in range(3):
        old.sample(near.repeat(before, axis=0), *FLAT)
    new.restore(np.zeros(2, bool), old.state())
    assert new.update(far.repeat(after, axis=0), *FLAT).all()
    new.restore(np.zeros(2, bool), old.state())
    new.sample(far.repeat(after, axis=0), *FLAT)
    assert new.update(near.repeat(after, axis=0), *FLAT).all()


def test_an_update_that_fails_changes_nothing() -> None:
    follower = tracker(CARBON, COORDINATION | {"average": True}, radius=3.0, dwell=3)
    follower.update(line(2.0, 9.0), *FLAT)
    follower.sample(line(2.0, 9.0), *FLAT)
    before = follower.state()
    with pytest.raises(StructureError, match="not finite"):
        follower.update(np.full((1, 3, 3), np.nan), *FLAT)
    assert follower.state() == before


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=30, deadline=None)
def test_memory_does_not_depend_on_order_and_wrapping(seed: int) -> None:
    rng = np.random.default_rng(seed)
    cell = np.array([[5.0, 0.0, 0.0], [1.5, 4.5, 0.0], [-1.0, 1.2, 6.0]])
    species = np.array(["C", "Pt", "Pt", "Pt", "Pt", "Pt"])
    order = rng.permutation(6)
    rules = [CARBON, COORDINATION | {"below": 3, "average": True}, {"type": "agreement", "tolerance": 0.8}]
    regions = RegionsConfig(radius_in=2.5, radius_out=3.0, dwell=2, rules=rules)
    one, other = Tracker(regions, species), Tracker(regions, species[order])
    frames = rng.uniform(0, 6, (1, 6, 3)) + np.cumsum(rng.normal(0, 0.4, (12, 2, 6, 3)), axis=0)
    for k, frame in enumerate(frames):
        moved = frame[:, order] + rng.integers(-9, 9, (2, 6, 3)) @ cell
        one.sample(frame, cell, [True] * 3)
        other.sample(moved, cell, [True] * 3)
        if k % 3 == 0:
            differ = rng.uniform(0, 1, (2, 6))
            expected = one.update(frame, cell, [True] * 3, differ)
            np.testing.assert_array_equal(other.update(moved, cell, [True] * 3, differ[:, order]), expected[order])
