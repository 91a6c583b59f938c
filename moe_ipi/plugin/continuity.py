"""Does a run go on with what it was started with?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ipi.engine.forcefields import FFSocket
from ipi.engine.simulation import Simulation

from moe_ipi.errors import MoEError
from moe_ipi.inband import memory as memories
from moe_ipi.inband import token as tokens
from moe_ipi.inband.identity import Identity
from moe_ipi.inband.identity import decode as decode_identity
from moe_ipi.inband.memory import Memory
from moe_ipi.inband.parameters import IDENTITY, MEMORY, TOKEN
from moe_ipi.inband.token import Token
from moe_ipi.ledger import OTHER_ASSIGNMENT
from moe_ipi.record import last_assignment

_ACCEPT = "or accept the change with --accept-changes, which writes it into the ledger"


@dataclass(frozen=True)
class Stored:
    """What a checkpoint holds of moe_ipi; each is ``None`` where it does not."""

    token: Token | None
    memory: Memory | None
    identity: str | None


def read_stored(fields: Sequence[FFSocket], simulation: Simulation) -> Stored:
    """Read what stands in the ``<parameters>`` of the force fields.

    Raises:
        TokenError, CheckpointError: it is damaged, or of another system.
    """

    def find(name: str) -> str | None:
        return next((str(field.pars[name]) for field in fields if name in (field.pars or {})), None)

    token, memory = find(TOKEN), find(MEMORY)
    systems = simulation.syslist
    return Stored(
        token=None if token is None else tokens.decode(token, systems[0].beads.natoms),
        memory=None if memory is None or token is None else memories.decode(memory, len(systems)),
        identity=find(IDENTITY),
    )


class ChangedError(MoEError):
    """A checkpoint does not fit what it would be continued with; nothing was touched."""


def changes_since(stored: str | None, now: Identity, *, prefix: str, step: int, token: str, accept: bool) -> list[str]:
    """What differs between a checkpoint and what continues it.

    Args:
        stored: the identity in the checkpoint, as text; ``None`` if it is from a version without.
        now: what the run computes with from now on.
        prefix: of the run's files; the ledger is among them.
        step: number of steps done in the checkpoint.
        token: the assignment in the checkpoint.
        accept: changes are wanted.

    Returns:
        Lines for the ledger, one for each accepted change.

    Raises:
        ChangedError: there are changes, and they are not accepted.
        IdentityError: the stored identity cannot be read.
        LedgerError: the ledger cannot be read.
    """
    changes = []
    different = decode_identity(stored).differences(now, regions=True) if stored is not None else []
    if different:
        what = " and ".join(different)
        if not accept:
            raise ChangedError(f"this run was started with {what}: continue it with the config of that time, {_ACCEPT}")
        changes.append(f"continued with {what}, on purpose; the energy may jump here and is not booked")
    held = last_assignment(prefix, step)
    mine = tokens.decode_header(token), tokens.checksum(token)
    if held is not None and held != mine:
        if not accept:
            raise ChangedError(
                f"the checkpoint has the assignment of segment {mine[0]} ({mine[1]}), but by the ledger it was that of "
                f"segment {held[0]} ({held[1]}) at step {step}: take a checkpoint that nobody has edited, {_ACCEPT}"
            )
        changes.append(f"{OTHER_ASSIGNMENT} {mine[1]} instead of the ledger's {held[1]}, on purpose")
    return changes
