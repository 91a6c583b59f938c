"""Drivers that are killed or go away: what i-PI 3.3.1 does not survive, it survives with this."""

from __future__ import annotations

import contextlib
import socket
import time
from typing import Any

from ipi.interfaces.sockets import HDRLEN, Disconnected, Driver, DriverSocket

#: Since when (epoch) a driver has been asked for its status and has not answered.
ASKED: dict[DriverSocket, float] = {}


def survive_lost_drivers() -> None:
    """Make of every way in which a connection breaks what i-PI takes for a closed one; note whom it asks for a status.

    In i-PI 3.3.1 (``interfaces/sockets.py``) the thread that talks to the drivers ends with a ConnectionError when one
    of them is killed with a request unread, or goes away before it is accepted; and with ``consolidate_messages``
    false it reads the end of a stream again for ever.  In all these cases the run hangs, also with other drivers.
    """

    def recv_into(self: DriverSocket, *arguments: Any) -> int:
        try:
            return socket.socket.recv_into(self, *arguments)
        except TimeoutError:
            raise  # i-PI tries again
        except OSError:
            return 0

    def recv_msg(self: DriverSocket, length: int = HDRLEN) -> bytes:
        message: bytes = self.recv(length)
        if not message:
            raise Disconnected
        return message

    def sendall(self: DriverSocket, *arguments: Any) -> None:
        # The next attempt to read finds out.
        with contextlib.suppress(ConnectionError):
            socket.socket.sendall(self, *arguments)

    def getpeername(self: DriverSocket) -> Any:
        with contextlib.suppress(OSError):
            return socket.socket.getpeername(self)
        return "somebody who has left"

    get_status = Driver.get_status

    def noted(self: Driver) -> Any:
        ASKED[self] = time.time()
        try:
            return get_status(self)
        finally:
            ASKED.pop(self, None)

    for kind, methods in ((DriverSocket, (recv_into, recv_msg, sendall, getpeername)), (Driver, (noted,))):
        for method in methods:
            setattr(kind, "get_status" if method is noted else method.__name__, method)
