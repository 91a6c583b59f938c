"""Ten thousand conversations, sensible and not, in arbitrary pieces: the client answers as it should, or ends.

What it should do is computed by :func:`expected`, which reads the same bytes in another way: all at once.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from moe_ipi.driver.client import Client
from moe_ipi.driver.protocol import Connection, ProtocolError, Result, header
from moe_ipi.errors import StructureError
from moe_ipi.typing import FloatArray
from tests.helpers.conversations import conversation, damaged, init

#: How a conversation ends.
EXIT, CLOSED, ERROR = "the server said EXIT", "the server closed the connection", "an error"


class Sums:
    """Energies and forces that depend on every number and on the parameters."""

    def evaluate(self, positions: FloatArray, cells: FloatArray, parameters: Mapping[str, str]) -> list[Result]:
        if not (np.isfinite(positions).all() and np.isfinite(cells).all()):
            raise StructureError("not finite")
        text = repr(sorted(parameters.items()))
        # Of one structure at a time: sums of a batch may be rounded otherwise.
        return [
            Result(float(p.sum() + 3 * c.sum()), 2 * p + c[0, 0], c.T.copy(), text)
            for p, c in zip(positions, cells, strict=True)
        ]


class InPieces:
    """A socket that hands out what it has received in pieces of given sizes."""

    def __init__(self, sock: socket.socket, sizes: Sequence[int]) -> None:
        self._sock, self._sizes, self._next = sock, sizes, 0

    def __getattr__(self, name: str) -> object:
        return getattr(self._sock, name)

    def recv_into(self, view: memoryview) -> int:
        size = self._sizes[self._next % len(self._sizes)] if self._sizes else len(view)
        self._next += 1
        return self._sock.recv_into(view[:size])


def converse(stream: bytes, sizes: Sequence[int]) -> tuple[bytes, str]:
    """What the client answers to a stream after which the server closes its side, and how it ends."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.settimeout(10)  # a client that waits for what cannot come fails the test
        theirs.sendall(stream)
        theirs.shutdown(socket.SHUT_WR)
        connection = Connection(InPieces(ours, sizes))  # type: ignore[arg-type]
        try:
            end = EXIT if Client(connection, Sums()).serve() else CLOSED
        except (ProtocolError, StructureError):
            end = ERROR
        finally:
            connection.close()
        return received(theirs), end


def received(sock: socket.socket) -> bytes:
    """All that has come; a client that has left with something unread resets the connection, which is its right."""
    answers, resets = b"", 0
    while True:
        try:
            part = sock.recv(1 << 20)
        except ConnectionResetError:
            resets += 1
            assert resets == 1
            continue
        if not part:
            return answers
        answers += part


class Short(Exception):
    """There is not as much in the stream as should be."""


class Stream:
    """The bytes that the client receives."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def take(self, size: int) -> bytes:
        if self.at + size > len(self.data):
            raise Short
        self.at += size
        return self.data[self.at - size : self.at]

    def integer(self) -> int:
        return int(np.frombuffer(self.take(4), np.int32)[0])

    def numbers(self, size: int) -> FloatArray:
        return np.frombuffer(self.take(8 * size), np.float64)


def expected(data: bytes) -> tuple[bytes, str]:
    """What a client answers, and how it ends."""
    stream, answers = Stream(data), b""
    parameters: dict[str, str] | None = None
    batch, structures, results = 1, None, None
    try:
        while stream.at < len(data):
            name = stream.take(12)
            if name == header("EXIT"):
                return answers, EXIT
            if name == header("INIT"):
                stream.integer()
                length = stream.integer()
                if not 0 <= length <= 1 << 24:
                    return answers, ERROR
                text = stream.take(length).decode("utf-8", errors="replace").strip("\0")
                pieces = [piece.split(":", 1) for piece in text.split(",") if ":" in piece]
                parameters = {key.strip(): value.strip() for key, value in pieces}
                size = parameters.pop("batch_size", "1")
                if not (size.isdecimal() and len(size) < 10 and 1 <= int(size) <= 100_000):
                    return answers, ERROR
                batch = int(size)
            elif name == header("POSDATA"):
                structures = posdata(stream, batch if parameters is not None else 1)
                if structures is None:
                    return answers, ERROR
            elif name in (header("STATUS"), header("GETFORCE")):
                if structures is not None:
                    distinct = distinct_of(structures)
                    positions, cells = (np.array(part) for part in zip(*distinct, strict=True))
                    if not (np.isfinite(positions).all() and np.isfinite(cells).all()):
                        return answers, ERROR
                    results = Sums().evaluate(positions, cells, parameters or {})
                    results += [results[-1]] * (len(structures) - len(results))
                    structures = None
                if name == header("GETFORCE") and results is None:
                    return answers, ERROR
                if data[stream.at : stream.at + 12] == header("EXIT"):
                    return answers, EXIT  # nobody waits for the answer
                if name == header("STATUS"):
                    answers += header("HAVEDATA" if results else "READY" if parameters is not None else "NEEDINIT")
                else:
                    assert results is not None
                    answers += forceready(results)
                    parameters = results = None
            else:
                return answers, ERROR
    except Short:
        return answers, ERROR
    return answers, CLOSED


def posdata(stream: Stream, batch: int) -> list[tuple[FloatArray, FloatArray]] | None:
    if stream.data[stream.at + 8 : stream.at + 16] == b"ipi_shm_":
        return None
    if batch == 1:
        cells = [stream.numbers(18)[:9]]
        natoms = stream.integer()
    else:
        natoms = stream.integer()
        if not 0 < natoms * batch <= 10_000_000:
            return None
        cells = [stream.numbers(18)[:9] for _ in range(batch)]
    if not 0 < natoms * batch <= 10_000_000:
        return None
    return [(stream.numbers(3 * natoms).reshape(-1, 3), cell.reshape(3, 3)) for cell in cells]


def distinct_of(structures: list[tuple[FloatArray, FloatArray]]) -> list[tuple[FloatArray, FloatArray]]:
    """Without the last one's repetitions; NaN is equal to NaN."""
    last = len(structures)
    while last > 1 and all(
        np.array_equal(a, b, equal_nan=True) for a, b in zip(structures[last - 1], structures[last - 2], strict=True)
    ):
        last -= 1
    return structures[:last]


def forceready(results: Sequence[Result]) -> bytes:
    parts = [header("FORCEREADY"), *(struct.pack("=d", r.potential) for r in results)]
    parts.append(struct.pack("=i", len(results[0].forces)))
    parts += [r.forces.tobytes() for r in results] + [np.ascontiguousarray(r.virial).tobytes() for r in results]
    parts += [struct.pack("=i", len(r.extras.encode())) + r.extras.encode() for r in results]
    return b"".join(parts)


SIZES = st.binary(max_size=6).map(lambda data: [byte % 40 + 1 for byte in data])
MANY = settings(
    deadline=None, max_examples=5000, database=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)


def check(stream: bytes, sizes: Sequence[int]) -> None:
    assert converse(stream, sizes) == expected(stream)


@MANY
@given(st.binary(max_size=40), SIZES)
def test_whole_messages_in_any_order_and_any_pieces(data: bytes, sizes: list[int]) -> None:
    check(conversation(data), sizes)


@MANY
@given(st.binary(max_size=40), st.binary(min_size=1, max_size=20), SIZES)
def test_damaged_streams(data: bytes, damages: bytes, sizes: list[int]) -> None:
    check(damaged(conversation(data), damages), sizes)


def test_what_the_conversations_are_good_for() -> None:
    """A plain round is answered with numbers, in one piece and byte by byte."""
    stream = conversation(bytes([1, 0]))
    answers, end = converse(stream, [1])
    assert (answers, end) == converse(stream, []) == expected(stream)
    assert header("FORCEREADY") in answers and end == CLOSED


@pytest.mark.parametrize("batch", [1_000_000_000, 100_000])
def test_a_huge_batch_takes_no_memory(batch: int) -> None:
    """A billion structures of one atom would be 144 GB of cells."""
    stream = init(f"batch_size:{batch}") + header("POSDATA") + struct.pack("=i", 1000) + bytes(1000)
    assert converse(stream, []) == (b"", ERROR)
