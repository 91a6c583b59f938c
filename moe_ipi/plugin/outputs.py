"""i-PI's output files when a checkpoint is continued: rows that will come again are cut off.

i-PI appends to its files.  A run that went on after the checkpoint was written has left rows beyond it there, and a run
that was killed perhaps half a row.
"""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Callable
from pathlib import Path

#: i-PI writes it into the first or second line of each frame of a trajectory, and the harvest has ``step=``.
_STEP = re.compile(rb"\b(?:Step:\s*|step=)(\d+)")
_COLUMN = re.compile(rb"^#\s*column\s+(\d+)\s+-->\s+step\b")
#: Bytes at the end of a file that are looked at first: most files need no cut.
_TAIL = 1 << 20


class Trimmer:
    """Cuts the files that i-PI is about to append to.

    Args:
        step: number of steps done in the checkpoint; rows of later steps go.
        note: shows a line to the user.
    """

    def __init__(self, step: int, note: Callable[[str], None]) -> None:
        self._step = step
        self._note = note
        self._cut = False
        self._silent: list[str] = []

    def __call__(self, path: Path) -> None:
        """Cut one file, if it has rows beyond the checkpoint; what is cut is kept beside it."""
        if not path.is_file() or path.stat().st_size == 0:
            return
        if not _says_steps(path):
            self._silent.append(path.name)
            return
        where = first_beyond(path, self._step)
        if where is not None:
            kept = _keep_rest(path, where)
            os.truncate(path, where)
            self._cut = True
            self._note(f"cut what was beyond step {self._step} from '{path}' (kept as '{kept.name}')")

    def report(self) -> None:
        """To be called when all files are open: tells of those that could not be cut although others were."""
        if self._cut and self._silent:
            self._note(
                f"{', '.join(self._silent)}: what is beyond step {self._step} there stays, as these files do not say "
                "which step a row is of"
            )


def first_beyond(path: Path, step: int) -> int | None:
    """Offset of the first row (or frame) of a step after ``step``, or of a row that was cut short; ``None`` if none."""
    column = _step_column(path)
    with path.open("rb") as file:
        start = max(0, path.stat().st_size - _TAIL)
        file.seek(start)
        if start and (last := _last_step(file.read(), column)) is not None and last <= step:
            return None
        file.seek(0)
        before = offset = 0
        count_line = False
        for line in file:
            found = _step_of(line, column)
            if (found is not None and found > step) or not line.endswith(b"\n"):
                # The line with the number of atoms belongs to the frame.
                return before if count_line and column is None else offset
            count_line = line.strip().isdigit()
            before, offset = offset, offset + len(line)
    return None


def _step_of(line: bytes, column: int | None) -> int | None:
    if column is None:
        match = _STEP.search(line)
        return int(match[1]) if match else None
    words = line.split()
    if line.startswith(b"#") or len(words) < column:
        return None
    try:
        return round(float(words[column - 1]))
    except ValueError:
        return None


def _last_step(tail: bytes, column: int | None) -> int | None:
    if not tail.endswith(b"\n"):
        return None  # a row was cut short: look from the beginning
    steps = (_step_of(line, column) for line in reversed(tail.splitlines(keepends=True)[1:]))
    return next((step for step in steps if step is not None), None)


def _step_column(path: Path) -> int | None:
    """Which column of a file of properties is the step, counted from 1."""
    with path.open("rb") as file:
        for line in file:
            if not line.startswith(b"#"):
                return None
            if match := _COLUMN.match(line):
                return int(match[1])
    return None


def _says_steps(path: Path) -> bool:
    with path.open("rb") as file:
        head = file.read(_TAIL)
    return _step_column(path) is not None or _STEP.search(head) is not None


def _keep_rest(path: Path, where: int) -> Path:
    for number in itertools.count():
        kept = path.with_name(f"#{path.name}#{number}#")
        try:
            with kept.open("xb") as out, path.open("rb") as file:
                file.seek(where)
                while block := file.read(_TAIL):
                    out.write(block)
            return kept
        except FileExistsError:
            continue
    raise AssertionError("counting does not end")
