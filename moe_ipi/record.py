"""``PREFIX.moe_ledger``: one line for every time the assignment was made.

The lines tell the whole history: which atoms each expert had, and by how much the energy jumped when that changed.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from ipi.utils.io import open_backup

from moe_ipi.files import write_whole
from moe_ipi.ledger import LedgerError, Line, read_ledger

_HEADER = """\
# moe-ipi ledger of the assignment; atoms are counted from 0
# step      done when the assignment was made
# segment   in which it holds
# complex   atoms of the complex expert
# token     checksum of the assignment as it travels to the drivers
# time      local time of this host
# dE        eV, for each system: potential energy after - before, per bead, as booked in the conserved quantity
# in, out   atoms that became complex, and that became bulk
# with reassignment = "gibbs" also:
# dB        eV per bead, the part of dE that is the bias's
# expected, variance   of the number of complex atoms, given the positions
# p         the probability, of each atom that has changed, to be complex
"""


class Record:
    """A text file that grows by a line now and then; every line is there as soon as it is written.

    A new run (step 0) begins a new file and keeps an old one as i-PI keeps its outputs; a continued run goes on with
    the lines up to its step, because a run that was stopped hard may have written lines that its RESTART knows nothing
    of.

    Args:
        path: the file, relative to where i-PI runs.
        header: its first lines, each with a ``#``.
        step: the step the run starts from.

    Raises:
        LedgerError: the file cannot be read or written.
    """

    def __init__(self, path: Path, header: str, step: int) -> None:
        self._path = path
        try:
            if step > 0 and path.is_file():
                lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
                kept = [line for line in lines if line.startswith("#") or _step(line, path) <= step]
                if kept != lines:
                    write_whole(path, "".join(kept))
            else:
                with open_backup(str(path), "w") as file:
                    file.write(header)
        except OSError as error:
            raise LedgerError(f"cannot write '{path}': {error.strerror or error}") from error

    def write(self, line: str) -> None:
        """Add one line, given without its end; it begins with the step."""
        with self._path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")


class Ledger(Record):
    """``PREFIX.moe_ledger``."""

    def __init__(self, prefix: str, step: int) -> None:
        super().__init__(ledger_path(prefix), _HEADER, step)

    def remark(self, step: int, text: str) -> None:
        """Add a line for people: what was changed on purpose, and when."""
        self.write(f"# step {step}: {text}")

    def enter(self, line: Line) -> None:
        """Add a line: the assignment was made."""
        self.write(line.text(datetime.now()))


def ledger_path(prefix: str) -> Path:
    """Where the ledger of a run is."""
    return Path(f"{prefix}.moe_ledger")


def last_assignment(prefix: str, step: int) -> tuple[int, str] | None:
    """Segment and checksum of the token that a ledger gives for a step; ``None`` if it does not say.

    Raises:
        LedgerError: the file cannot be read, or is no ledger.
    """
    path = ledger_path(prefix)
    known = [line for line in read_ledger(path) if line.step <= step] if path.is_file() else []
    return (known[-1].segment, known[-1].token) if known else None


def _step(line: str, path: Path) -> int:
    first = line.split(maxsplit=1)[:1]
    # The last line of a run that was killed may have been cut off.
    if not line.endswith("\n") or not first or not first[0].isdecimal():
        if line.endswith("\n"):
            raise LedgerError(f"'{path}' was not written by moe-ipi: move it away")
        return 2**63
    return int(first[0])
