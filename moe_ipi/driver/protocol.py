"""The i-PI socket protocol: what travels, and how it is framed.

Every message starts with a header of 12 ASCII characters padded with blanks; numbers are int32 and float64 in the
byte order of the machine; quantities are in atomic units.  Source: i-PI 3.3.1, ``ipi/interfaces/sockets.py``.
"""

from __future__ import annotations

import contextlib
import select
import socket
import struct
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from moe_ipi.errors import MoEError
from moe_ipi.typing import FloatArray

HEADER_LENGTH = 12
STATUS, INIT, POSDATA, GETFORCE, EXIT = "STATUS", "INIT", "POSDATA", "GETFORCE", "EXIT"
NEEDINIT, READY, HAVEDATA, FORCEREADY = "NEEDINIT", "READY", "HAVEDATA", "FORCEREADY"

#: How the error of a driver begins whose server is gone.
VANISHED = "the server vanished"

# Larger numbers mean that both sides disagree on what comes next; they must not become an allocation.
_MAX_ATOMS = 10_000_000
_MAX_BATCH = 100_000
_MAX_TEXT = 16 * 1024 * 1024


class ProtocolError(MoEError):
    """The server cannot be reached, broke the protocol, or vanished before it took its answer."""


class PeerClosed(Exception):
    """The server stopped: it closed the connection between two messages, or said EXIT instead of taking an answer."""

    def __init__(self, *, said_exit: bool) -> None:
        super().__init__()
        self.said_exit = said_exit


class Result(NamedTuple):
    """What a driver returns for one structure, in atomic units.

    Attributes:
        potential: energy, hartree.
        forces: (N, 3), hartree/bohr.
        virial: (3, 3), hartree, -dE/d(strain).
        extras: text that i-PI hands on, a JSON object.
    """

    potential: float
    forces: FloatArray
    virial: FloatArray
    extras: str


@dataclass(frozen=True)
class Initialization:
    """The content of ``INIT``.

    Attributes:
        request: i-PI's counter of requests.
        parameters: the force field's ``<parameters>``, as text.
        batch_size: how many structures every following ``POSDATA`` holds.
    """

    request: int
    parameters: dict[str, str]
    batch_size: int


def header(name: str) -> bytes:
    """A message header: ``name`` padded to 12 bytes."""
    return name.encode("ascii").ljust(HEADER_LENGTH)


def parse_parameters(text: str) -> dict[str, str]:
    """Read `` k : v , k : v , `` as i-PI writes its ``<parameters>``; pieces without a colon are dropped."""
    parameters = {}
    for piece in text.split(","):
        key, colon, value = piece.partition(":")
        if colon:
            parameters[key.strip()] = value.strip()
    return parameters


class Connection:
    """A connected socket that reads and writes whole messages.

    Raises of all reading methods: :class:`ProtocolError` when the server vanishes inside a message.
    """

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock

    def close(self) -> None:
        """Close the connection so that a waiting server notices."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def read_header(self) -> str:
        """Wait for the next header.

        Returns:
            The name, without blanks.

        Raises:
            PeerClosed: the server closed the connection here, between messages.
        """
        first = self._receive(memoryview(bytearray(HEADER_LENGTH)), at_boundary=True)
        try:
            return first.decode("ascii").rstrip()
        except UnicodeDecodeError:
            return repr(first)

    def read_exact(self, size: int) -> bytes:
        """Read ``size`` bytes."""
        return self._receive(memoryview(bytearray(size)), at_boundary=False)

    def read_int(self) -> int:
        """Read one int32."""
        return int(struct.unpack("=i", self.read_exact(4))[0])

    def read_floats(self, *shape: int) -> FloatArray:
        """Read float64 numbers into a new array of the given shape."""
        array = np.empty(shape, np.float64)
        if array.size:
            self._fill(memoryview(array.data).cast("B"), at_boundary=False)
        return array

    def read_text(self) -> str:
        """Read an int32 length and as many bytes of text."""
        length = self.read_int()
        if not 0 <= length <= _MAX_TEXT:
            raise ProtocolError(f"the server announced a text of {length} bytes; is it an i-PI of version 3?")
        return self.read_exact(length).decode("utf-8", errors="replace")

    def send(self, message: bytes) -> None:
        """Send a whole message in one piece.

        Raises:
            PeerClosed: the server said EXIT while the answer was prepared.
            ProtocolError: the server vanished.
        """
        if self._stopped():
            raise PeerClosed(said_exit=True)
        try:
            self._socket.sendall(message)
        except OSError as error:
            if self._stopped():
                raise PeerClosed(said_exit=True) from None
            raise ProtocolError(
                f"{VANISHED} before it took its answer ({error.strerror or error}); see its own output for the reason"
            ) from error

    def drain(self, seconds: float = 0.2) -> None:
        """Announce that nothing more will be sent, then read and forget what arrives, for at most ``seconds``.

        Closing a socket with unread data resets the connection, which kills i-PI's polling thread and hangs the run;
        after a plain close i-PI hands the request to another driver.
        """
        deadline = time.monotonic() + seconds
        with contextlib.suppress(OSError, ValueError):
            self._socket.shutdown(socket.SHUT_WR)
            while (left := deadline - time.monotonic()) > 0 and select.select([self._socket], [], [], left)[0]:
                if not self._socket.recv(1 << 20):
                    return

    def _stopped(self) -> bool:
        """Whether EXIT waits to be read: nothing else can, while the server waits for an answer."""
        with contextlib.suppress(OSError, ValueError):
            if select.select([self._socket], [], [], 0.0)[0]:
                return self._socket.recv(HEADER_LENGTH, socket.MSG_PEEK) == header(EXIT)
        return False

    def _receive(self, view: memoryview, *, at_boundary: bool) -> bytes:
        self._fill(view, at_boundary=at_boundary)
        return bytes(view)

    def _fill(self, view: memoryview, *, at_boundary: bool) -> None:
        done = 0
        while done < len(view):
            try:
                count = self._socket.recv_into(view[done:])
            except ConnectionError:
                count = 0
            if count == 0:
                if at_boundary and done == 0:
                    raise PeerClosed(said_exit=False)
                raise ProtocolError(f"{VANISHED} in the middle of a message; see its own output for the reason")
            done += count


def read_init(connection: Connection) -> Initialization:
    """Read what follows the header ``INIT``.

    Raises:
        ProtocolError: the batch size is not a number, or none that a server would choose.
    """
    request = connection.read_int()
    # ASE's server sends a NUL as the text.
    parameters = parse_parameters(connection.read_text().strip("\0"))
    announced = parameters.pop("batch_size", "1")
    # Of a very long number Python would not make an integer.
    if not announced.isdecimal() or len(announced) > 9 or not 0 < int(announced) <= _MAX_BATCH:
        raise ProtocolError(
            f"the server announced batch_size '{announced[:40]}'; it must be an integer from 1 to {_MAX_BATCH}: "
            "correct <batch_size> in i-PI's input"
        )
    return Initialization(request, parameters, int(announced))


def check_atom_count(natoms: int, batch_size: int) -> int:
    """The number of atoms inside ``POSDATA``, unchanged; before memory is taken for them.

    Raises:
        ProtocolError: no structure can have that many, or so many structures cannot.
    """
    if not 0 < natoms <= _MAX_ATOMS:
        raise ProtocolError(
            f"the server announced {natoms} atoms, so both sides disagree on the form of the message; "
            "--shm must be given if, and only if, the ffsocket has mode='shm'"
        )
    if natoms * batch_size > _MAX_ATOMS:
        raise ProtocolError(
            f"the server announced {batch_size} structures of {natoms} atoms at once; more than {_MAX_ATOMS} atoms are "
            "not taken: choose a smaller <batch_size> in i-PI's input"
        )
    return natoms


def read_posdata(connection: Connection, batch_size: int) -> tuple[FloatArray, FloatArray]:
    """Read what follows the header ``POSDATA``.

    Args:
        connection: where from.
        batch_size: as announced by ``INIT``; 1 is i-PI's classic message, more is the batched one.

    Returns:
        positions (B, N, 3), bohr, and cells (B, 3, 3), bohr, columns are lattice vectors.

    Raises:
        ProtocolError: the message is not of that form.
    """
    start = connection.read_exact(16)
    if start[8:] == b"ipi_shm_":
        raise ProtocolError("the server wants to use shared memory (mode='shm'): start the driver with --shm")
    # One atom count, and per structure the cell and its inverse (of no use here), in one order or the other.
    if batch_size == 1:
        rest = start + connection.read_exact(144 - len(start))
        natoms = check_atom_count(connection.read_int(), 1)
    else:
        natoms = check_atom_count(struct.unpack("=i", start[:4])[0], batch_size)
        rest = start[4:] + connection.read_exact(batch_size * 144 - len(start) + 4)
    cells = np.frombuffer(rest, np.float64).reshape(batch_size, 2, 3, 3)[:, 0].copy()
    return connection.read_floats(batch_size, natoms, 3), cells


def encode_extras(results: Sequence[Result]) -> bytes:
    """The extras of every result: int32 length and the text, in UTF-8."""
    texts = [result.extras.encode("utf-8") for result in results]
    return b"".join(struct.pack("=i", len(text)) + text for text in texts)


def encode_forces(results: Sequence[Result]) -> bytes:
    """The whole answer to ``GETFORCE``.

    Args:
        results: one per structure of the ``POSDATA`` message.  The classic and the batched form agree for one.
    """
    natoms = len(results[0].forces)
    return b"".join(
        [
            header(FORCEREADY),
            np.array([result.potential for result in results], np.float64).tobytes(),
            struct.pack("=i", natoms),
            *(np.ascontiguousarray(result.forces, np.float64).tobytes() for result in results),
            *(np.ascontiguousarray(result.virial, np.float64).tobytes() for result in results),
            encode_extras(results),
        ]
    )
