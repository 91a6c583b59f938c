"""What a run remembers besides its assignment, as text: the parameter ``moe_memory`` in i-PI's checkpoints."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from moe_ipi.errors import MoEError
from moe_ipi.inband.envelope import pack, seal, unpack, unseal

_VERSION = "mem1."


class CheckpointError(MoEError):
    """The memory in a checkpoint is damaged or belongs to another run."""


@dataclass(frozen=True)
class Memory:
    """State of a run at a step.

    Attributes:
        booked: hartree, for each system: the sum of the energies booked so far, over the beads.
        tracker: state of the rules, see :meth:`moe_ipi.regions.tracker.Tracker.state`.
    """

    booked: Sequence[float]
    tracker: Mapping[str, Any]


def encode(memory: Memory) -> str:
    """The memory as text, see :mod:`moe_ipi.inband.envelope`."""
    content = json.dumps({"booked": [float(value).hex() for value in memory.booked], "tracker": dict(memory.tracker)})
    return seal(_VERSION + pack(content.encode()))


def decode(text: str, nsystems: int) -> Memory:
    """Read a memory.

    Raises:
        CheckpointError: it is damaged, or of a run with another number of systems.
    """
    try:
        body = unseal(text)
        if not body.startswith(_VERSION):
            raise ValueError("another version")
        content = json.loads(unpack(body.removeprefix(_VERSION)))
        memory = Memory([float.fromhex(value) for value in content["booked"]], content["tracker"])
    except (ValueError, KeyError, TypeError) as error:
        raise CheckpointError("moe_memory in the <parameters> is damaged: continue from another checkpoint") from error
    if len(memory.booked) != nsystems:
        raise CheckpointError(
            f"moe_memory in the <parameters> is of {len(memory.booked)} systems, and this run has {nsystems}: "
            "remove it, and moe_token, to start anew"
        )
    return memory
