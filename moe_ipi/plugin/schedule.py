"""When the assignment changes: the length of the segments of a run."""

from __future__ import annotations

from collections.abc import Collection

from moe_ipi.config import SegmentsConfig
from moe_ipi.errors import ConfigError


def segment_steps(config: SegmentsConfig, strides: Collection[int], dynamics: bool) -> tuple[int, str]:
    """The number of steps after which the assignment is updated.

    The assignment changes only at steps with a checkpoint, so that every one that ever was can be continued from.  i-PI
    writes its checkpoints after the update, so all that fall on such a step hold the new assignment, whatever their
    stride; one within a segment holds the assignment of the segment.  Hence a segment is as long as the smallest stride
    or a multiple of it, and the checkpoints that are kept longest (larger strides, usually) are among the steps of
    the smallest one.

    Args:
        config: the ``[segments]`` table.
        strides: the strides of the input's ``<checkpoint>`` outputs.
        dynamics: whether the atoms move by molecular dynamics.  Everything else (geometry optimisation, vibrations,
            ...) compares energies of different structures and needs one Hamiltonian.

    Returns:
        The number of steps, 0 for a fixed assignment, and a line for the user (may be empty).

    Raises:
        ConfigError: the strides do not agree with each other or with the config.
    """
    wanted = config.segment_steps
    if wanted == 0:
        return 0, "the assignment is fixed (segment_steps = 0)"
    if not dynamics:
        return 0, "the assignment is fixed: this motion is not molecular dynamics"
    different = sorted(set(strides))
    if any(stride % different[0] for stride in different):
        raise ConfigError(
            f"the input has checkpoints every {', '.join(map(str, different))} steps, and the assignment may change "
            f"only at a checkpoint: make every stride a multiple of {different[0]}, or set segments.segment_steps = 0 "
            "for a fixed assignment"
        )
    if wanted is None:
        if not different:
            return 0, "the assignment is fixed: the input has no <checkpoint>, and the config no segments.segment_steps"
        return different[0], ""
    if different and wanted % different[0]:
        raise ConfigError(
            f"segments.segment_steps is {wanted}, but the input has a checkpoint every {different[0]} steps: make it "
            "a multiple of that, or remove segment_steps from the config"
        )
    return wanted, ""
