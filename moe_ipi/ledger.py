"""The lines of the ledger of a run: written, read, and summed up."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import numpy as np

from moe_ipi.errors import MoEError
from moe_ipi.typing import FloatArray

#: How a remark of a ledger begins that the assignment is another one from there on, on purpose.
OTHER_ASSIGNMENT = "continued with the assignment"
#: Parts of a run whose means are taken for independent; an error of their mean needs some.
_BLOCKS = 20
#: A mean of more errors than this is not zero.
_SURE = 3.0


class LedgerError(MoEError):
    """The ledger cannot be read or written, or is none."""


@dataclass(frozen=True)
class Line:
    """One line: the assignment was made.

    Attributes:
        step: number of steps that were done.
        segment: the segment that began.
        n_complex: complex atoms in it.
        token: checksum of the assignment.
        jumps: eV per bead, for each system: the energy that was booked.
        joined: atoms that became complex, counted from 0.
        left: atoms that became bulk.
        named: the other words ``name=value``; only ``reassignment = "gibbs"`` writes some.
    """

    step: int
    segment: int
    n_complex: int
    token: str
    jumps: list[float]
    joined: frozenset[int]
    left: frozenset[int]
    named: dict[str, str] = field(default_factory=dict)

    def text(self, time: datetime) -> str:
        """The line as it stands in the file, without its end; ``time`` is when the assignment was made."""
        jumps = " ".join(f"{jump:17.10e}" for jump in self.jumps)
        named = "".join(f" {name}={value}" for name, value in self.named.items())
        return (
            f"{self.step:10d} {self.segment:8d} {self.n_complex:8d}  {self.token}  {time:%Y-%m-%dT%H:%M:%S} {jumps}  "
            f"in={_listed(self.joined)} out={_listed(self.left)}{named}"
        )


def read_ledger(path: str | Path) -> list[Line]:
    """The lines of a ``PREFIX.moe_ledger``, without a last one that was cut off.

    Raises:
        LedgerError: the file cannot be read, or is no ledger.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise LedgerError(f"cannot read '{path}': {getattr(error, 'strerror', None) or error}") from error
    lines = []
    for line in text[: text.rfind("\n") + 1].splitlines():
        if line and not line.startswith("#"):
            try:
                lines.append(_line(line))
            except (ValueError, KeyError) as error:
                raise LedgerError(f"'{path}' was not written by moe-ipi: move it away ({line[:60]!r})") from error
    return lines


def _line(text: str) -> Line:
    step, segment, n_complex, token, _, *words = text.split()
    named = dict(word.split("=", 1) for word in words if "=" in word)
    joined, left = (frozenset(int(k) for k in named.pop(part).split(",") if k != "-") for part in ("in", "out"))
    jumps = [float(word) for word in words if "=" not in word]
    return Line(int(step), int(segment), int(n_complex), token, jumps, joined, left, named)


def _listed(atoms: Iterable[int]) -> str:
    return ",".join(map(str, sorted(atoms))) or "-"


def mean_and_error(values: FloatArray, blocks: int = _BLOCKS) -> tuple[float, float]:
    """Mean of values (S,) in the order of time, and its standard error if so many parts of them are independent."""
    means = [block.mean() for block in np.array_split(values, blocks)]
    return float(np.mean(means)), float(np.std(means, ddof=1) / np.sqrt(blocks))


def summary(lines: Sequence[Line]) -> list[str]:
    """What a user should know at the end of a run: changes, the mean energy booked at one, and whether it is zero.

    The error of the mean is that of the means of twenty parts of the run, because neighbouring changes are not
    independent; below two changes a part there is none.
    """
    # The first line is the beginning.
    changes = [line for line in lines[1:] if line.joined or line.left]
    if len(lines) < 2:
        return []
    if not changes:
        return [f"the assignment was made {len(lines) - 1} times and never changed"]
    atoms = sum(len(line.joined) + len(line.left) for line in changes)
    jumps = np.array([np.mean(line.jumps) for line in changes]) * 1000.0
    text = f"the assignment changed {len(changes)} times ({atoms} atoms); booked {jumps.mean():+.3g}"
    if len(changes) < 2 * _BLOCKS:
        return [f"{text} meV a change, {jumps.sum() / 1000.0:+.3g} eV in all (too few changes for an error)"]
    _, error = mean_and_error(jumps)
    told = [f"{text} +- {error:.2g} meV a change, {jumps.sum() / 1000.0:+.3g} eV in all"]
    if abs(jumps.mean()) > _SURE * error:
        times = f"the mean is {abs(jumps.mean()) / error:.1f} times its error: "
        drawn = "expected" in changes[0].named
        told.append(
            times + "the run is not in equilibrium yet, or its time step is too long"
            if drawn
            else times + "changes of the assignment pump energy, and averages over them belong to no ensemble; use "
            'reassignment = "gibbs" or a fixed region where they matter'
        )
    return told
