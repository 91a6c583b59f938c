"""A client of i-PI: connects, and answers the server's requests until it says EXIT."""

from __future__ import annotations

import errno
import socket
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from moe_ipi.driver import protocol
from moe_ipi.driver.protocol import Connection, FloatArray, PeerClosed, ProtocolError, Result
from moe_ipi.driver.shared_memory import SharedArrays
from moe_ipi.errors import MoEError, StructureError

Log = Callable[[str], None]

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


def log_to_stderr(line: str) -> None:
    """Print one line at once, so that it reaches a log file even if the process is killed."""
    print(f"moe-ipi driver: {line}", file=sys.stderr, flush=True)


class Evaluates(Protocol):
    """What the client asks for forces."""

    def evaluate(self, cells: FloatArray, positions: FloatArray, parameters: Mapping[str, str]) -> list[Result]:
        """Cells (B, 3, 3), columns are lattice vectors, and positions (B, N, 3) in bohr to B results.

        The parameters are those of the force field, as they came with these structures.
        """


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
        ProtocolError: the deadline has passed, or trying again cannot help.
    """
    if server.port is not None and not 0 < server.port < 65536:
        raise ProtocolError(f"cannot connect to {server}: a port is a number from 1 to 65535; check --port")
    deadline = time.monotonic() + timeout
    while True:
        try:
            sock = _connect_once(server, max(deadline - time.monotonic(), 1.0))
        except socket.gaierror as error:
            raise ProtocolError(f"there is no host '{server.address}' ({error.strerror}); check the address") from None
        except OSError as error:
            if not isinstance(error, TimeoutError) and error.errno not in _RETRIED:
                raise ProtocolError(f"cannot connect to {server}: {error.strerror or error}; check --address") from None
            if time.monotonic() + _RETRY_AFTER > deadline:
                raise ProtocolError(_nobody_there(server, timeout, error.errno)) from None
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


class Client:
    """Answers the requests of one server, one at a time.

    Asks for ``INIT`` before every structure, because i-PI sends the parameters of its force field with it.  Reads
    ``GETFORCE`` (or the ``STATUS`` of the older, polled exchange) before it computes, so that a failure closes the
    connection with nothing unread and i-PI hands the structure to another driver.

    Args:
        connection: a connection that was just opened.
        evaluator: computes.
        shm: the server uses shared memory.
    """

    def __init__(self, connection: Connection, evaluator: Evaluates, *, shm: bool = False) -> None:
        self._connection = connection
        self._evaluator = evaluator
        self._shared = SharedArrays(connection) if shm else None
        self._init: protocol.Initialization | None = None
        self._structures: tuple[FloatArray, FloatArray] | None = None
        self._results: list[Result] | None = None
        #: Structures evaluated so far, padding of batches not counted.
        self.evaluated = 0

    def serve(self) -> bool:
        """Answer until the server stops.

        Returns:
            Whether it said EXIT; otherwise it closed the connection between two messages.

        Raises:
            ProtocolError: the server broke the protocol or vanished with a request unanswered.
            MoEError: a structure cannot be evaluated.
        """
        answers = {
            protocol.STATUS: self._on_status,
            protocol.INIT: self._on_init,
            protocol.POSDATA: self._on_posdata,
            protocol.GETFORCE: self._on_getforce,
        }
        try:
            while (name := self._connection.read_header()) != protocol.EXIT:
                if name not in answers:
                    raise ProtocolError(f"the server sent the unknown message {name!r}; is it an i-PI of version 3?")
                answers[name]()
        except PeerClosed as closed:
            return closed.said_exit
        except BaseException:
            self._connection.drain()
            raise
        finally:
            if self._shared is not None:
                self._shared.close()
        return True

    def _on_status(self) -> None:
        if self._structures is not None:
            self._compute()
        if self._results is not None:
            state = protocol.HAVEDATA
        elif self._init is not None:
            state = protocol.READY
        else:
            state = protocol.NEEDINIT
        self._connection.send(protocol.header(state))

    def _on_init(self) -> None:
        self._init = protocol.read_init(self._connection)

    def _on_posdata(self) -> None:
        batch_size = self._init.batch_size if self._init is not None else 1
        if self._shared is not None:
            self._structures = self._shared.read_posdata(batch_size)
        else:
            self._structures = protocol.read_posdata(self._connection, batch_size)

    def _on_getforce(self) -> None:
        if self._structures is not None:
            self._compute()
        if self._results is None:
            raise ProtocolError("the server asked for forces before it sent a structure")
        if self._shared is not None:
            self._shared.send_forces(self._results)
        else:
            self._connection.send(protocol.encode_forces(self._results))
        self._init = self._results = None

    def _compute(self) -> None:
        cells, positions = self._structures
        self._structures = None
        parameters = self._init.parameters if self._init is not None else {}
        number = _without_padding(cells, positions)
        try:
            results = self._evaluator.evaluate(cells[:number], positions[:number], parameters)
        except MoEError:
            raise
        except Exception as error:
            # What numba makes of a Ctrl-C that arrives inside compiled code.
            if isinstance(error.__cause__, (KeyboardInterrupt, SystemExit)):
                raise error.__cause__ from None
            reason = str(error).strip().splitlines()
            raise StructureError(
                f"the forces cannot be computed: {type(error).__name__}: {reason[0] if reason else 'no message'}"
            ) from error
        self.evaluated += number
        self._results = results + [results[-1]] * (len(cells) - number)


def _without_padding(cells: FloatArray, positions: FloatArray) -> int:
    """The number of structures that differ: i-PI repeats the last one until a batch is full."""
    number = len(cells)
    while number > 1 and all(np.array_equal(a[number - 1], a[number - 2], equal_nan=True) for a in (positions, cells)):
        number -= 1
    return number


def run_client(server: Server, evaluator: Evaluates, *, connect_timeout: float = 60.0, log: Log = log_to_stderr) -> int:
    """Connect to a server and answer it until it stops.

    Args:
        server: where it listens.
        evaluator: computes; must be ready to do so at once.
        connect_timeout: seconds during which a server that does not listen yet is waited for.
        log: receives one line of text at a time.

    Returns:
        The number of structures evaluated.

    Raises:
        ProtocolError: nobody listens, or the server broke the protocol or vanished with a request unanswered.
        MoEError: a structure cannot be evaluated.
    """
    log(f"connecting to {server}")
    connection = Connection(connect(server, connect_timeout))
    log("connected")
    client = Client(connection, evaluator, shm=server.shm)
    try:
        said_exit = client.serve()
    finally:
        connection.close()
    ending = "the server said EXIT" if said_exit else "the server closed the connection without EXIT"
    log(f"{ending}; {client.evaluated} structures evaluated")
    return client.evaluated
