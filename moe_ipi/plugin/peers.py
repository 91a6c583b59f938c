"""Who is at the other end of a connection, and what that process is doing (Linux; elsewhere nothing is known)."""

from __future__ import annotations

import contextlib
import os
import socket
import struct
from collections.abc import Iterable
from pathlib import Path

_WORDS = {
    "R": "running",
    "S": "running",  # a thread that waits for others, or for a GPU, sleeps
    "D": "waiting for a disk",
    "T": "stopped by a signal",
    "t": "stopped by a debugger",
    "Z": "dead",
    "X": "dead",
}
#: States in which a process cannot answer.
_IDLE = "TtZX"


def state_of(pid: int) -> str | None:
    """The letter that ``ps`` shows for a process; ``None`` if there is none, or nothing is known."""
    with contextlib.suppress(OSError, IndexError):
        # The name, in parentheses, may hold anything.
        return Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()[0]
    return None


def cannot_answer(pid: int | None) -> bool:
    """Whether a process is known to be stopped or dead."""
    state = None if pid is None else state_of(pid)
    return state is not None and state in _IDLE


def words_for(pid: int) -> str:
    """What a process is doing, for a message."""
    state = state_of(pid)
    return "no longer there" if state is None else _WORDS.get(state, f"in state {state}")


def program_of(pid: int) -> str:
    """The name of a process's program; empty if it is not known."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/comm").read_text(errors="replace").strip()
    return ""


def peer_of(connection: socket.socket) -> tuple[int | None, str]:
    """Process id, if the other end is on this machine and the system tells it, and address, if it has one."""
    with contextlib.suppress(OSError, AttributeError, struct.error):
        if connection.family == socket.AF_UNIX:
            size = struct.calcsize("3i")
            pid, _, _ = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size))
            return (int(pid) or None), ""
        host, port = socket.socket.getpeername(connection)[:2]
        return None, f"{host}:{port}"
    return None, ""


def owner_of(address: str, candidates: Iterable[int]) -> int | None:
    """Which of some local processes has the TCP connection that comes from ``HOST:PORT``."""
    port = address.rpartition(":")[2]
    if not port.isdecimal():
        return None
    inodes = set()
    for table in ("tcp", "tcp6"):
        with contextlib.suppress(OSError):
            for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
                fields = line.split()
                if int(fields[1].rpartition(":")[2], 16) == int(port):
                    inodes.add(f"socket:[{fields[9]}]")
    for pid in candidates:
        with contextlib.suppress(OSError):
            for entry in os.listdir(f"/proc/{pid}/fd"):
                with contextlib.suppress(OSError):
                    if os.readlink(f"/proc/{pid}/fd/{entry}") in inodes:
                        return pid
    return None
