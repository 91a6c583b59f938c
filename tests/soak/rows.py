"""Every row that i-PI has written, computed again from the positions that it wrote and the assignment of the ledger."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from moe_ipi.ledger import Line
from moe_ipi.units import BOHR
from tests.helpers.adaptive import ledger
from tests.helpers.case import Case

#: Relative difference at which an energy is wrong.
TOLERANCE = 1e-9
_AT_ONCE = 256


@dataclass
class Verdict:
    """What became of the rows of a run.

    Attributes:
        rows: that were computed again.
        wrong: rows whose energy is another one.
        lost: steps without a row, between the first and the last.
        repeated: steps with more than one row.
        changes: times that the assignment changed.
    """

    rows: int = 0
    wrong: int = 0
    lost: int = 0
    repeated: int = 0
    changes: int = 0

    def __iadd__(self, other: Verdict) -> Verdict:
        for name, value in vars(other).items():
            setattr(self, name, getattr(self, name) + value)
        return self


def judge(case: Case, beads: int, *, beyond: int = -1, torn: bool = False) -> tuple[Verdict, int]:
    """Look at all rows of steps after ``beyond``.

    Args:
        case: where i-PI has run.
        beads: of the ring polymer.
        beyond: what was looked at before.
        torn: i-PI was killed: its last row need not be complete.

    Returns:
        The verdict, and the last step that is complete.
    """
    numbers, energies = _printed(case.folder / "out.props")
    frames = [_positions(case.bead_file("pos", bead, beads, ".bin"), len(case.atoms)) for bead in range(beads)]
    steps = sorted(set(numbers))
    if torn:
        while steps and any(steps[-1] not in each for each in frames):
            steps.pop()
    verdict = Verdict()
    if not steps:
        return verdict, -1
    verdict.lost = len(set(range(max(beyond + 1, 0), steps[-1] + 1)) - set(steps))
    verdict.repeated = len(numbers) - len(set(numbers))
    lines = ledger(case.folder)
    verdict.changes = sum(bool(line.joined or line.left) for line in lines[1:] if line.step > beyond)
    printed = dict(zip(numbers, energies, strict=True))
    new = [step for step in steps if step > beyond]
    verdict.rows = len(new)
    for mask, group in _by_assignment(lines, new, len(case.atoms)):
        verdict.wrong += _wrong(case, mask, [s for s in group if all(s in each for each in frames)], frames, printed)
        verdict.lost += sum(any(step not in each for each in frames) for step in group)
    return verdict, steps[-1]


def _wrong(case: Case, mask: np.ndarray, steps: list[int], frames: list[dict[int, np.ndarray]], printed) -> int:
    potential, wrong = case.potential(), 0
    for start in range(0, len(steps), _AT_ONCE):
        some = steps[start : start + _AT_ONCE]
        positions = np.array([each[step] for step in some for each in frames]) * BOHR
        cells = np.repeat(case.atoms.cell.array[None], len(positions), axis=0)
        energies = potential.evaluate(positions, cells, mask).energies.reshape(len(some), -1).mean(axis=1)
        wrong += int(np.sum(~np.isclose([printed[step] for step in some], energies, rtol=TOLERANCE, atol=0)))
    return wrong


def _by_assignment(lines: list[Line], steps: list[int], natoms: int):
    """Steps and their assignment, one segment with its neighbours of the same assignment after the other."""
    groups: dict[bytes, tuple[np.ndarray, list[int]]] = {}
    mask, entries = np.zeros(natoms, bool), list(lines)
    for step in steps:
        while entries and entries[0].step <= step:
            line = entries.pop(0)
            mask[list(line.joined)] = True
            mask[list(line.left)] = False
            assert mask.sum() == line.n_complex, f"the ledger contradicts itself at step {line.step}"
        groups.setdefault(mask.tobytes(), (mask.copy(), []))[1].append(step)
    return groups.values()


def _printed(path: Path) -> tuple[list[int], list[float]]:
    """Steps and potential energies (eV) of complete lines."""
    text = path.read_text() if path.exists() else ""
    rows = [line.split() for line in text.splitlines(keepends=True) if line.endswith("\n") and not line.startswith("#")]
    return [round(float(row[0])) for row in rows], [float(row[2]) for row in rows]


def _positions(path: Path, natoms: int) -> dict[int, np.ndarray]:
    """(N, 3) bohr of each step, from i-PI's binary format; half a frame at the end is left out."""
    data = path.read_bytes() if path.exists() else b""
    # All frames begin with the same cell and number of atoms, and are of the same length.
    size = data.find(data[:80], 80)
    size = len(data) if size < 0 else size
    found = {}
    for start in range(0, len(data) - size + 1, size) if size else ():
        frame = data[start : start + size]
        title = frame[88 + 24 * natoms :].decode("utf-32-le", errors="replace")
        if step := re.search(r"Step:\s*(\d+)", title):
            found[int(step[1])] = np.frombuffer(frame, np.float64, 3 * natoms, 80).reshape(natoms, 3)
    return found
