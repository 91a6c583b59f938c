"""Where i-PI listens for its drivers, and how to connect to it."""

from __future__ import annotations

import errno
import os
import socket
import time
from dataclasses import dataclass

from moe_ipi.driver.protocol import ProtocolError

#: Environment variable: process id of the ``moe-ipi run`` that has started this driver, which is of no use without it.
PARENT = "MOE_IPI_RUN_PID"
#: At which a server listens for clients on any host.
EVERYWHERE = "0.0.0.0"
_RETRY_AFTER = 0.2
_RETRIED = {
    errno.ECONNREFUSED,
    errno.ENOENT,
    errno.EAGAIN,
    errno.ETIMEDOUT,
    errno.EHOSTUNREACH,
    errno.ENETUNREACH,
    errno.ECONNRESET,
    errno.ECONNABORTED,
}


class NobodyThere(ProtocolError):
    """No server listens."""


@dataclass(frozen=True)
class Server:
    """Where the server listens.

    Attributes:
        address: host name, or name of a UNIX socket.
        port: TCP port; ``None`` means the UNIX socket ``prefix + address``.
        shm: exchange arrays through shared memory; needs a UNIX socket.
        prefix: see ``port``.
    """

    address: str
    port: int | None = None
    shm: bool = False
    prefix: str = "/tmp/ipi_"

    @property
    def path(self) -> str:
        """Path of the UNIX socket."""
        return self.prefix + self.address

    def __str__(self) -> str:
        return f"UNIX socket {self.path}" if self.port is None else f"{self.address}:{self.port}"


def connect(server: Server, timeout: float) -> socket.socket:
    """Open a connection, trying again while nobody listens.

    Args:
        server: where.
        timeout: seconds; i-PI may start later than its drivers.

    Returns:
        A connected, blocking socket.

    Raises:
        NobodyThere: the deadline has passed.
        ProtocolError: trying again cannot help, or the ``moe-ipi run`` that has started this process has ended.
    """
    if server.port is not None and not 0 < server.port < 65536:
        raise ProtocolError(f"cannot connect to {server}: a port is a number from 1 to 65535; check --port")
    deadline = time.monotonic() + timeout
    while True:
        _check_parent()
        try:
            sock = _connect_once(server, max(deadline - time.monotonic(), 1.0))
        except socket.gaierror as error:
            raise ProtocolError(f"there is no host '{server.address}' ({error.strerror}); check the address") from error
        except OSError as error:
            if not isinstance(error, TimeoutError) and error.errno not in _RETRIED:
                raise ProtocolError(
                    f"cannot connect to {server}: {error.strerror or error}; check --address"
                ) from error
            if time.monotonic() + _RETRY_AFTER > deadline:
                raise NobodyThere(_nobody_there(server, timeout, error.errno)) from error
        else:
            # The kernel may connect a socket to itself where nobody listens on a port.
            if server.port is None or sock.getsockname() != sock.getpeername():
                return sock
            sock.close()
        time.sleep(_RETRY_AFTER)


def _connect_once(server: Server, timeout: float) -> socket.socket:
    if server.port is None:
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            sock.connect(server.path)
        except OSError:
            sock.close()
            raise
        return sock
    sock = socket.create_connection((server.address, server.port), timeout=timeout)
    sock.settimeout(None)
    # Small messages go back and forth: do not wait to fill a packet. And notice a dead host.
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    return sock


def _check_parent() -> None:
    parent = os.environ.get(PARENT)
    if parent is not None and parent != str(os.getppid()):
        # Another run may listen at this address by now.
        raise ProtocolError("the run that has started this driver has ended")


def _nobody_there(server: Server, timeout: float, code: int | None) -> str:
    if code == errno.ENOENT:
        why = "the socket file does not exist"
    elif server.port is None:
        why = "the socket file exists but nobody listens; remove it if a run that crashed has left it"
    else:
        why = "nobody listens there"
    return (
        f"no i-PI at {server} after {timeout:g} s ({why}): start i-PI, check that its <address> and mode are the same, "
        "or wait longer with --connect-timeout"
    )
