"""i-PI's ``mode='shm'``: messages on a UNIX socket, arrays in shared memory.

i-PI creates six segments per driver and sends their names with the first ``POSDATA``; the messages on the socket also
keep the two sides from touching them at the same time.  Source: i-PI 3.3.1, ``SHMDriver`` in ``interfaces/sockets.py``.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from multiprocessing import resource_tracker
from multiprocessing.shared_memory import SharedMemory

import numpy as np

from moe_ipi.driver.protocol import (
    FORCEREADY,
    Connection,
    ProtocolError,
    Result,
    check_atom_count,
    encode_extras,
    header,
)
from moe_ipi.typing import FloatArray

_KINDS = ("pos", "h", "ih", "pot", "force", "vir")
_MAX_NAME = 255


def _attach(name: str) -> SharedMemory:
    try:
        if sys.version_info >= (3, 13):
            return SharedMemory(name=name, track=False)
        memory = SharedMemory(name=name)
    except (OSError, ValueError) as error:
        raise ProtocolError(
            f"cannot open the shared memory '{name}' of the server: --shm needs a driver on the same machine as i-PI"
        ) from error
    # The segment belongs to i-PI; Python's tracker would remove it when this process ends.
    resource_tracker.unregister("/" + memory.name.lstrip("/"), "shared_memory")
    return memory


class SharedArrays:
    """The driver's side of the segments of one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._segments: dict[str, SharedMemory] = {}

    def read_posdata(self, batch_size: int) -> tuple[FloatArray, FloatArray]:
        """Read what follows the header ``POSDATA``, and the arrays it announces.

        Args:
            batch_size: as announced by ``INIT``; the segments have room for so many structures.

        Returns:
            positions (B, N, 3), bohr, and cells (B, 3, 3), bohr, columns are lattice vectors; copies.

        Raises:
            ProtocolError: the segments do not exist on this machine, are too small, or are said to hold too much.
        """
        natoms = check_atom_count(self._connection.read_int(), batch_size)
        if not self._segments:
            for kind in _KINDS:
                self._segments[kind] = _attach(self._read_name())
        return self._view("pos", batch_size, natoms, 3).copy(), self._view("h", batch_size, 3, 3).copy()

    def send_forces(self, results: Sequence[Result]) -> None:
        """Answer ``GETFORCE``: numbers into the segments, then ``FORCEREADY`` and the extras on the socket.

        Args:
            results: one per structure of the ``POSDATA`` message.
        """
        number, natoms = len(results), len(results[0].forces)
        self._view("pot", number)[:] = [result.potential for result in results]
        for k, result in enumerate(results):
            self._view("force", number, natoms, 3)[k] = result.forces
            self._view("vir", number, 3, 3)[k] = result.virial
        self._connection.send(header(FORCEREADY) + encode_extras(results))

    def close(self) -> None:
        """Detach; i-PI removes the segments."""
        for memory in self._segments.values():
            memory.close()
        self._segments.clear()

    def _read_name(self) -> str:
        length = self._connection.read_int()
        if not 0 < length <= _MAX_NAME:
            raise ProtocolError("the server does not use shared memory: drop --shm, or give its ffsocket mode='shm'")
        return self._connection.read_exact(length).decode("utf-8", errors="replace")

    def _view(self, kind: str, *shape: int) -> FloatArray:
        """An array on a segment; it must not outlive the caller, or the segment could not be closed."""
        memory = self._segments[kind]
        if memory.size < 8 * math.prod(shape):
            raise ProtocolError(
                f"the shared memory '{memory.name}' holds {memory.size} bytes, too few for an array of shape {shape}"
            )
        return np.ndarray(shape, np.float64, buffer=memory.buf)
