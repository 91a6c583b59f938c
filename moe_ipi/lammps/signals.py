"""Signals and ranks: none may leave the others within what they do together."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from moe_ipi.signals import handled

_STOP = (signal.SIGTERM, signal.SIGINT)


def leave_to_root() -> None:
    """Let this rank end when the root does: ``mpiexec`` passes signals on to all."""
    for number in _STOP:
        signal.signal(number, signal.SIG_IGN)


@contextmanager
def ends_at_once() -> Iterator[None]:
    """Within it, Ctrl-C ends this rank in whatever it does, as it ends LAMMPS."""
    before = signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def later() -> Iterator[None]:
    """Signals that stop this process wait until the block is left."""
    came: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        came.append(number)

    try:
        with handled(_STOP, note):
            yield
    finally:
        if came:
            os.kill(os.getpid(), came[0])
