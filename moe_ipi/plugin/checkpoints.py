"""Checkpoints that a kill cannot destroy: written beside, then moved into place."""

from __future__ import annotations

import contextlib
import itertools
import os
from pathlib import Path

from ipi.engine.outputs import CheckpointOutput


def write_safely(output: CheckpointOutput) -> None:
    """Let i-PI write a checkpoint or RESTART to a file beside, which then replaces the old one at once.

    i-PI 3.3.1 empties the old file before it knows what to write (``engine/outputs.py``); a kill in between leaves
    nothing.  A file of an earlier run is kept under i-PI's own name for backups, ``#NAME#0#``.
    """
    write, name = output.write, output.filename
    continued = False

    def written(store: bool = True) -> None:
        nonlocal continued
        if not output.active():
            return
        suffix = "" if output.overwrite else f"_{output.step}"
        target = Path(name + suffix)
        output.filename = name + ".partial"
        partial = Path(output.filename + suffix)
        try:
            # i-PI would keep what a killed run has left as a backup.
            partial.unlink(missing_ok=True)
            write(store=store)
            with contextlib.suppress(OSError), partial.open("rb") as file:
                os.fsync(file.fileno())
            if not continued or not output.overwrite:
                _back_up(target)
            os.replace(partial, target)
        finally:
            output.filename = name
            partial.unlink(missing_ok=True)
        continued = True

    output.write = written


def _back_up(path: Path) -> None:
    """Keep a file as i-PI does when it would overwrite it; it also stays where it is."""
    if not path.is_file():
        return
    for number in itertools.count():
        with contextlib.suppress(FileExistsError):
            os.link(path, path.with_name(f"#{path.name}#{number}#"))
            return
