"""A client of i-PI: connects, and answers the server's requests until it says EXIT."""

from __future__ import annotations

import socket
import time
from collections.abc import Mapping
from typing import Protocol, runtime_checkable

import numpy as np

from moe_ipi.driver import protocol
from moe_ipi.driver.address import NobodyThere, Server, connect
from moe_ipi.driver.log import Log, log_to_stderr
from moe_ipi.driver.protocol import VANISHED, Connection, PeerClosed, ProtocolError, Result
from moe_ipi.driver.shared_memory import SharedArrays
from moe_ipi.errors import MoEError, StructureError, interruption
from moe_ipi.typing import FloatArray

#: Seconds between the end of a server and the first attempt to find the next one.
_RECONNECT_AFTER = 0.5


class Evaluates(Protocol):
    """What the client asks for forces."""

    def evaluate(self, positions: FloatArray, cells: FloatArray, parameters: Mapping[str, str]) -> list[Result]:
        """Positions (B, N, 3) and cells (B, 3, 3), columns are lattice vectors, in bohr to B results.

        The parameters are those of the force field, as they came with these structures.
        """


@runtime_checkable
class Forgetful(Protocol):
    """What remembers something of a run."""

    def forget(self) -> None:
        """Be as before the first structure: the next one is that of another run."""


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
        assert self._structures is not None
        positions, cells = self._structures
        self._structures = None
        parameters = self._init.parameters if self._init is not None else {}
        number = _without_padding(positions, cells)
        try:
            results = self._evaluator.evaluate(positions[:number], cells[:number], parameters)
        except MoEError:
            raise
        except Exception as error:
            if (stop := interruption(error)) is not None:
                raise stop from None
            reason = str(error).strip().splitlines()
            raise StructureError(
                f"the forces cannot be computed: {type(error).__name__}: {reason[0] if reason else 'no message'}"
            ) from error
        self.evaluated += number
        self._results = results + [results[-1]] * (len(cells) - number)


def _without_padding(positions: FloatArray, cells: FloatArray) -> int:
    """The number of structures that differ: i-PI repeats the last one until a batch is full."""
    number = len(cells)
    while number > 1 and all(np.array_equal(a[number - 1], a[number - 2], equal_nan=True) for a in (positions, cells)):
        number -= 1
    return number


def run_client(
    server: Server,
    evaluator: Evaluates,
    *,
    connect_timeout: float = 60.0,
    reconnect: bool = False,
    log: Log = log_to_stderr,
) -> int:
    """Connect to a server and answer it until it stops.

    Args:
        server: where it listens.
        evaluator: computes; must be ready to do so at once.
        connect_timeout: seconds during which a server that does not listen yet is waited for.
        reconnect: when the server has stopped, wait as long for the next one at the same place, which may be another
            run; an ``evaluator`` that remembers something of a run must then be ``Forgetful``.
        log: receives one line of text at a time.

    Returns:
        The number of structures evaluated.

    Raises:
        ProtocolError: nobody listens, or the server broke the protocol or vanished with a request unanswered.
        MoEError: a structure cannot be evaluated.
    """
    log(f"connecting to {server}")
    evaluated = _serve_once(connect(server, connect_timeout), server, evaluator, reconnect, log)
    while reconnect:
        if isinstance(evaluator, Forgetful):
            evaluator.forget()
        log(f"waiting for the next server at {server}, for at most {connect_timeout:g} s")
        # The socket of a server that is about to end still takes connections.
        time.sleep(_RECONNECT_AFTER)
        try:
            sock = connect(server, connect_timeout)
        except NobodyThere:
            log(f"no other server has come; {evaluated} structures evaluated")
            break
        evaluated += _serve_once(sock, server, evaluator, reconnect, log)
    return evaluated


def _serve_once(sock: socket.socket, server: Server, evaluator: Evaluates, reconnect: bool, log: Log) -> int:
    connection = Connection(sock)
    log("connected")
    client = Client(connection, evaluator, shm=server.shm)
    try:
        said_exit = client.serve()
        ending = "the server said EXIT" if said_exit else "the server closed the connection without EXIT"
    except ProtocolError as error:
        if not reconnect or not str(error).startswith(VANISHED):
            raise
        ending = str(error)
    finally:
        connection.close()
    log(f"{ending}; {client.evaluated} structures evaluated")
    return client.evaluated
