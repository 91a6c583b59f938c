"""The length of the segments."""

import pytest

from moe_ipi.config import SegmentsConfig
from moe_ipi.errors import ConfigError
from moe_ipi.plugin.schedule import segment_steps


@pytest.mark.parametrize(
    ("wanted", "strides", "steps"),
    [
        (None, [], 0),
        (None, [50], 50),
        (None, [50, 50], 50),
        (20, [], 20),
        (20, [20], 20),
        (40, [20], 40),
        (None, [50, 100], 50),
        (None, [2000, 100, 5000], 100),
        (100, [50, 200], 100),
        (300, [50, 200], 300),
        (0, [50], 0),
        (0, [50, 70], 0),
    ],
)
def test_steps(wanted: int | None, strides: list[int], steps: int) -> None:
    found, note = segment_steps(SegmentsConfig(segment_steps=wanted), strides, dynamics=True)
    assert found == steps
    assert bool(note) == (steps == 0)


@pytest.mark.parametrize("wanted", [None, 20])
def test_other_motions_keep_their_hamiltonian(wanted: int | None) -> None:
    steps, note = segment_steps(SegmentsConfig(segment_steps=wanted), [20], dynamics=False)
    assert steps == 0
    assert "not molecular dynamics" in note


@pytest.mark.parametrize(
    ("wanted", "strides", "message"),
    [
        (20, [50], "segment_steps is 20, but the input has a checkpoint every 50 steps"),
        (25, [50, 100], "segment_steps is 25, but the input has a checkpoint every 50 steps: make it a multiple"),
        (None, [50, 70], "checkpoints every 50, 70 steps.*make every stride a multiple of 50"),
        (50, [50, 70], "checkpoints every 50, 70 steps"),
        (350, [50, 70], "checkpoints every 50, 70 steps"),
    ],
)
def test_what_does_not_agree_is_named(wanted: int | None, strides: list[int], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        segment_steps(SegmentsConfig(segment_steps=wanted), strides, dynamics=True)
