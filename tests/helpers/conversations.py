"""What a server might send to a driver, sensible and not, made from a few bytes: hypothesis draws those."""

from __future__ import annotations

import struct
from collections.abc import Sequence

import numpy as np

from moe_ipi.driver.protocol import header

_ANSWER_AT_ONCE = 1 << 16  # fits into the buffer of a socket, so that nobody need read while the client writes
NAMES = ("round", "STATUS", "INIT", "POSDATA", "GETFORCE", "EXIT", "polled", "round", "round")
TEXTS = (" ", " a : b , ", "\0", "", " k : v , x : 1:2 , ", " moe_token : moe1.s0 , ", ":", " ä : ö , ")
BATCHES = ("0", "-1", "1000000000", "9" * 5000, "٣", "2")


class Choices:
    """Decisions made from a few bytes: hypothesis draws those at once, and makes them fewer and smaller."""

    def __init__(self, data: bytes) -> None:
        self._data = iter(data)
        self.rng = np.random.default_rng(list(data))

    def one(self, of: Sequence[str]) -> str:
        return of[self.number(len(of))]

    def number(self, below: int) -> int:
        return next(self._data, 0) % below


def conversation(data: bytes) -> bytes:
    """What a server sends: whole messages in any order."""
    choose = Choices(data)
    parts, batch = [], 1
    for _ in range(choose.number(7)):
        name = choose.one(NAMES)
        if name == "round":
            batch = choose.number(3) + 1
            parts += [header("STATUS"), init(f" k : v{choose.number(3)} , batch_size : {batch}"), header("STATUS")]
            parts += [structure(choose, batch), header("GETFORCE")]
        elif name == "polled":
            batch = 1
            parts += [header("STATUS"), init(" a : b , "), header("STATUS"), structure(choose, 1)]
            parts += [header("STATUS"), header("GETFORCE")]
        elif name == "INIT":
            text, batch = choose.one(TEXTS), 1
            parts.append(init(text if choose.number(4) else f"{text}, batch_size:{choose.one(BATCHES)}"))
        else:
            parts.append(structure(choose, batch) if name == "POSDATA" else header(name))
    return b"".join(parts)[:_ANSWER_AT_ONCE]


def init(text: str) -> bytes:
    return header("INIT") + struct.pack("=ii", 7, len(text.encode())) + text.encode()


def structure(choose: Choices, batch: int) -> bytes:
    natoms = choose.number(3) + 1
    cells, positions = choose.rng.normal(size=(batch, 2, 3, 3)), choose.rng.normal(size=(batch, natoms, 3))
    kind = choose.number(20)
    if 0 < kind < 5:  # a batch that was filled up
        cells[-1], positions[-1] = cells[0], positions[0]
    elif kind == 5:
        positions[-1, 0, 0] = np.nan
    elif kind == 6:
        natoms += int(choose.rng.integers(-5, 2_000_000_000))
    count = struct.pack("=i", natoms)
    cell, rest = cells.tobytes(), positions.tobytes()
    return header("POSDATA") + (cell + count if batch == 1 else count + cell) + rest


def damaged(stream: bytes, damages: bytes) -> bytes:
    """With bytes changed, taken out or put in."""
    choose = Choices(damages)
    for _ in range(choose.number(3) + 1):
        kind = choose.number(4)
        at = (256 * choose.number(256) + choose.number(256)) % (len(stream) + 1)
        content = bytes(choose.number(256) for _ in range(choose.number(12) + 1))
        if kind == 0:
            stream = stream[:at]
        elif kind == 1:
            stream = stream[:at] + content + stream[at:]
        elif kind == 2:
            stream = stream[:at] + content + stream[at + len(content) :]
        else:
            stream = stream[:at] + stream[at + len(content) :]
    return stream
