"""Which expert had which atom, step by step: from the ledger, and from what the drivers returned."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from moe_ipi.inband import token as tokens
from moe_ipi.inband.token import Token
from moe_ipi.ledger import OTHER_ASSIGNMENT, LedgerError, Line, read_ledger
from moe_ipi.trajectory.files import TrajectoryError, extras
from moe_ipi.typing import BoolArray

_OTHER = re.compile(rf"^# step (\d+): {OTHER_ASSIGNMENT}\b", re.MULTILINE)


def ledger_of(prefix: Path) -> Path | None:
    """The ledger of a run; for the prefix of one of several systems (``r0_remd``) that of the run (``remd``)."""
    name = prefix.name
    while True:
        path = prefix.with_name(f"{name}.moe_ledger")
        if path.is_file():
            return path
        if "_" not in name:
            return None
        name = name.partition("_")[2]


@dataclass(frozen=True)
class _Entry:
    step: int
    segment: int | None
    assignment: BoolArray


class _Follower:
    """The entries of a source whose steps ascend, for steps that ascend."""

    def __init__(self, entries: Iterator[_Entry]) -> None:
        self._entries = entries
        self._next = next(entries, None)
        self._last: _Entry | None = None

    def until(self, step: int) -> _Entry | None:
        """The last entry of this step or one before."""
        while self._next is not None and self._next.step <= step:
            self._last, self._next = self._next, next(self._entries, None)
        return self._last


class History:
    """The assignment of each frame of one trajectory.

    A line of the ledger holds from its step on: the assignment is made anew after that step and before i-PI writes
    its outputs, energy and forces of a frame of this step included.

    Args:
        natoms: N.
        ledger: the file, if there is one.
        extras: a file of extras with ``moe_assignment``, if there is one.

    Raises:
        LedgerError: the ledger cannot be read, or is of another run.
    """

    def __init__(self, natoms: int, ledger: Path | None, extras: Path | None) -> None:
        self._ledger, self._extras = ledger, extras
        #: Beyond this step only the extras know.
        self._known = None if ledger is None else _known_until(ledger)
        self._made = _Follower(_from_ledger(ledger, natoms, self._known) if ledger is not None else iter(()))
        self._returned = _Follower(_from_extras(extras, natoms) if extras is not None else iter(()))
        #: Frames in which both say the same.
        self.confirmed = 0

    def at(self, step: int) -> tuple[BoolArray, int | None] | None:
        """(N,) the assignment under which a frame was computed, and its segment if that is known; ``None`` if neither.

        Args:
            step: of the frame; it must be larger than that of the call before.

        Raises:
            LedgerError: the lines of the ledger do not fit together.
            TrajectoryError: ledger and extras say different things, or the extras cannot be read.
        """
        made = self._made.until(step)
        if self._known is not None and step > self._known:
            made = None
        returned = self._returned.until(step)
        if returned is not None and returned.step != step:
            returned = None
        if made is not None and returned is not None:
            if not np.array_equal(made.assignment, returned.assignment):
                raise TrajectoryError(
                    f"step {step} was computed with {returned.assignment.sum()} complex atoms by '{self._extras}', and "
                    f"with {made.assignment.sum()}, or others, by '{self._ledger}': they are not of one run, or plain "
                    "i-pi has continued it from a checkpoint before its end; move the one away that is wrong"
                )
            self.confirmed += 1
        if made is not None:
            return made.assignment, made.segment
        return None if returned is None else (returned.assignment, None)


def _known_until(path: Path) -> int | None:
    """The step after which the ledger does not tell the assignment, as a checkpoint with another was continued."""
    try:
        found = _OTHER.search(path.read_text(encoding="utf-8", errors="replace"))
    except OSError as error:
        raise LedgerError(f"cannot read '{path}': {error.strerror or error}") from error
    return int(found[1]) if found else None


def _from_ledger(path: Path, natoms: int, known: int | None) -> Iterator[_Entry]:
    assignment = np.zeros(natoms, bool)
    for line in read_ledger(path):
        if known is not None and line.step > known:
            return
        assignment = _after(line, assignment, path)
        yield _Entry(line.step, line.segment, assignment)


def _after(line: Line, before: BoolArray, path: Path) -> BoolArray:
    """(N,) the assignment that a line made of the one before; every line has the checksum of its result."""
    after = before.copy()
    changed = [*line.joined, *line.left]
    if not changed or max(changed) < len(before):
        after[list(line.joined)] = True
        after[list(line.left)] = False
        if tokens.checksum(tokens.encode(Token(line.segment, after))) == line.token:
            return after
    raise LedgerError(
        f"the line of step {line.step} in '{path}' does not follow from those before it for {len(before)} atoms: the "
        "ledger was edited, or is of another run; move it away to go by the drivers' extras"
    )


def _from_extras(path: Path, natoms: int) -> Iterator[_Entry]:
    for step, assignment in extras(path, natoms):
        yield _Entry(step, None, assignment)
