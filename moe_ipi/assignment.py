"""The way from rules to an assignment, for whoever has the experts at hand."""

from __future__ import annotations

from moe_ipi.frames import Frames
from moe_ipi.potential import Potential
from moe_ipi.regions.partitioner import Partitioner
from moe_ipi.typing import BoolArray


def assignment_by_rules(partitioner: Partitioner, potential: Potential, frames: Frames) -> BoolArray:
    """(N,) True for atoms of the complex expert in any of the frames; rules about the experts' energies ask them.

    A simulation under i-PI has its experts in the drivers: there :class:`moe_ipi.plugin.segments.Segments` asks them
    over the socket, and the rules remember (:class:`moe_ipi.regions.tracker.Tracker`).

    Raises:
        StructureError, ConfigError: see :meth:`moe_ipi.regions.partitioner.Partitioner.assign`.
    """
    disagreement = potential.disagreement_of(frames) if partitioner.regions.needs_disagreement else None
    return partitioner.assign_frames(frames, disagreement=disagreement)
