"""What a run remembers besides its assignment, as text: the parameter ``moe_memory`` in i-PI's checkpoints."""

from __future__ import annotations

import base64
import binascii
import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from moe_ipi.errors import MoEError


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
    """The memory as text of letters, digits, ``.``, ``-`` and ``_`` that begins with a letter."""
    content = json.dumps({"booked": [float(value).hex() for value in memory.booked], "tracker": dict(memory.tracker)})
    body = "mem1." + base64.urlsafe_b64encode(zlib.compress(content.encode(), 9)).decode().rstrip("=")
    return f"{body}.{zlib.crc32(body.encode()):08x}"


def decode(text: str, nsystems: int) -> Memory:
    """Read a memory.

    Raises:
        CheckpointError: it is damaged, or of a run with another number of systems.
    """
    body, _, checksum = text.rpartition(".")
    try:
        if not body.startswith("mem1.") or checksum != f"{zlib.crc32(body.encode()):08x}":
            raise ValueError
        packed = body.removeprefix("mem1.")
        content = json.loads(zlib.decompress(base64.urlsafe_b64decode(packed + "=" * (-len(packed) % 4))))
        memory = Memory([float.fromhex(value) for value in content["booked"]], content["tracker"])
    except (ValueError, KeyError, TypeError, zlib.error, binascii.Error):
        raise CheckpointError("moe_memory in the <parameters> is damaged: continue from another checkpoint") from None
    if len(memory.booked) != nsystems:
        raise CheckpointError(
            f"moe_memory in the <parameters> is of {len(memory.booked)} systems, and this run has {nsystems}: "
            "remove it, and moe_token, to start anew"
        )
    return memory
