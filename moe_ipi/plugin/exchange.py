"""Whom i-PI waits for: the part of its exchange with drivers that a hang can be read from."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from ipi.engine.simulation import Simulation

from moe_ipi.plugin import engine
from moe_ipi.plugin.lost_drivers import ASKED
from moe_ipi.plugin.peers import cannot_answer, peer_of


@dataclass(frozen=True)
class Wait:
    """Somebody, or something, that i-PI waits for.

    Attributes:
        what: ``"forces"``: the answer to a structure; ``"status"``: a word that needs no computation; ``"driver"``:
            anybody, as nobody is connected; ``"turn"``: a structure that none of the connected drivers gets.
        since: when that began, seconds since the epoch.
        field: name of the ``<ffsocket>``.
        key: identifies the connection; 0 if there is none.
        pid: of the process at the other end, if it is on this machine and known.
        peer: its address, if it has one.
    """

    what: Literal["forces", "status", "driver", "turn"]
    since: float
    field: str
    key: int = 0
    pid: int | None = None
    peer: str = ""

    @property
    def in_vain(self) -> bool:
        """Whether there will be no answer unless something changes."""
        return self.what in ("status", "driver") or cannot_answer(self.pid)


def waits(simulation: Simulation) -> list[Wait]:
    """All for whom i-PI waits now."""
    found = []
    asked = dict(ASKED)
    for field in engine.sockets(simulation.fflist.values()):
        interface = field.socket
        jobs = [(_first(requests)["start"], client) for requests, client, _ in list(getattr(interface, "jobs", []))]
        busy = {id(client) for _, client in jobs}
        for start, client in jobs:
            if start > 0:
                found.append(_wait("forces", start, field, client))
        idle = [
            (since, client)
            for client, since in asked.items()
            if id(client) not in busy and _listens_at(client) == _listens_at(getattr(interface, "server", None))
        ]
        found += [_wait("status", since, field, client) for since, client in idle]
        queued = [request["t_queued"] for request in list(field.requests) if request["status"] == "Queued"]
        if queued and not jobs and not idle:
            connected = bool(getattr(interface, "clients", []))
            found.append(Wait("turn" if connected else "driver", min(queued), field.name))
    return found


def drop(simulation: Simulation, key: int) -> None:
    """Close the connection of a :class:`Wait`: i-PI gives the structure to somebody else."""
    for client in _connections(simulation):
        if id(client) == key:
            with contextlib.suppress(OSError):
                # Not the method of i-PI, which would first send something.
                socket.socket.shutdown(client, socket.SHUT_RDWR)


def in_vain(simulation: Simulation, seconds: float) -> bool:
    """Whether i-PI has waited for some seconds for an answer that will not come."""
    now = time.time()
    return any(wait.in_vain and now - wait.since > seconds for wait in waits(simulation))


def _listens_at(connection: Any) -> object:
    with contextlib.suppress(OSError, AttributeError):
        name = connection.getsockname()
        # A server may listen at all of its addresses.
        return name[1] if isinstance(name, tuple) else name
    return None


def _first(requests: Any) -> Any:
    """i-PI keeps a request, or, in batches, a list of them."""
    return requests[0] if isinstance(requests, list) else requests


def _wait(what: Literal["forces", "status"], since: float, field: Any, client: socket.socket) -> Wait:
    pid, peer = peer_of(client)
    return Wait(what, since, field.name, id(client), pid, peer)


def _connections(simulation: Simulation) -> Iterator[socket.socket]:
    yield from dict(ASKED)
    for field in engine.sockets(simulation.fflist.values()):
        yield from list(getattr(field.socket, "clients", []))
