"""The client against servers that misbehave; real sockets, real potential."""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest
from ipi.interfaces.sockets import Driver, Status

from moe_ipi.driver import protocol
from moe_ipi.driver.address import Server
from moe_ipi.driver.client import Client
from moe_ipi.driver.protocol import ProtocolError, header
from moe_ipi.errors import MoEError, StructureError
from moe_ipi.units import BOHR, HARTREE
from tests.helpers.case import Case
from tests.helpers.processes import DriverThread, ipi, run_with_threads, wait_until


@contextlib.contextmanager
def listening(case: Case) -> Iterator[socket.socket]:
    """A server of our own on the case's UNIX socket."""
    path = case.unix.path
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)
        server.listen(2)
        server.settimeout(30)
        try:
            yield server
        finally:
            os.unlink(path)


@contextlib.contextmanager
def serving(case: Case, *, shm: bool = False, evaluator=None) -> Iterator[tuple[socket.socket, DriverThread]]:
    """The server's end of a connection to a driver thread."""
    with listening(case) as server:
        driver = DriverThread(Server(case.name, shm=shm), evaluator or case.evaluator())
        peer, _ = server.accept()
        peer.settimeout(30)
        with peer:
            yield peer, driver


def accepted(server: socket.socket) -> Driver:
    """i-PI's end of a connection; it duplicates the socket."""
    sock, _ = server.accept()
    with sock:
        return Driver(sock)


def receive(peer: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        part = peer.recv(size - len(data))
        assert part, "the driver closed the connection"
        data += part
    return data


def posdata(positions: np.ndarray, cell: np.ndarray) -> bytes:
    h = cell.T / BOHR
    return b"".join(
        [
            header("POSDATA"),
            h.tobytes(),
            np.linalg.inv(h).tobytes(),
            struct.pack("=i", len(positions)),
            (positions / BOHR).tobytes(),
        ]
    )


def init(text: str = " ") -> bytes:
    return header("INIT") + struct.pack("=ii", 0, len(text)) + text.encode()


def test_header_in_two_segments(case: Case) -> None:
    with serving(case) as (peer, driver):
        for piece in (b"STA", b"TUS  ", b"    "):
            peer.sendall(piece)
            time.sleep(0.05)
        assert receive(peer, 12) == header("NEEDINIT")
        message = init() + posdata(case.atoms.positions, case.atoms.cell.array) + header("GETFORCE")
        for k in range(0, len(message), 7):  # and everything else in crumbs
            peer.sendall(message[k : k + 7])
        assert receive(peer, 12) == header("FORCEREADY")
        energy, natoms = struct.unpack("=di", receive(peer, 12))
        receive(peer, 24 * natoms + 72)
        receive(peer, struct.unpack("=i", receive(peer, 4))[0])
        expected = case.evaluator().evaluate(case.atoms.positions[None] / BOHR, case.atoms.cell.array.T[None] / BOHR)[0]
        assert natoms == len(case.atoms)
        assert energy == pytest.approx(expected.potential, rel=1e-12)
        peer.sendall(header("STATUS"))
        assert receive(peer, 12) == header("NEEDINIT")  # before every structure
        peer.sendall(header("EXIT"))
        assert driver.finish() == 1
    assert "the server said EXIT; 1 structures" in driver.lines[-1]


def test_batch_agrees_with_single_frames(case: Case) -> None:
    """i-PI's own server code sends a batch and, to a second driver, the same frames one by one."""
    rng = np.random.default_rng(1)
    cell = case.atoms.cell.array.T / BOHR
    requests = []
    for k in range(3):
        q = (case.atoms.positions + rng.normal(0, 0.05, case.atoms.positions.shape)).ravel() / BOHR
        requests.append(
            {"id": k, "pars": " a : b , ", "pos": q, "active": np.arange(q.size), "cell": (cell, np.linalg.inv(cell))}
            | {"offset": 0.0, "status": "Queued", "_event_done": threading.Event()}
        )

    class Request(dict):
        _event_done = threading.Event()

    with listening(case) as server:
        threads = [DriverThread(case.unix, case.evaluator()) for _ in range(2)]
        batch, single = (accepted(server) for _ in range(2))
        for peer in (batch, single):
            peer.settimeout(5)
            peer.get_status()
            assert peer.status & Status.NeedsInit
        batch.batch_size = 4
        together = [Request(r) for r in requests]
        assert batch.dispatch_send_batch(together) and batch.dispatch_recv_batch(together)
        for frame, request in zip(together, requests, strict=True):
            alone = Request(request)
            assert single.dispatch_send(alone) and single.dispatch_recv(alone)
            for a, b in zip(frame["result"][:3], alone["result"][:3], strict=True):
                np.testing.assert_array_equal(a, b)
            assert frame["result"][3] == alone["result"][3]
        for peer in (batch, single):
            peer.shutdown()
            peer.close()
        assert [thread.finish() for thread in threads] == [3, 3]


def test_energy_unit(case: Case) -> None:
    result = case.evaluator().evaluate(case.atoms.positions[None] / BOHR, case.atoms.cell.array.T[None] / BOHR)[0]
    assert -30 < result.potential * HARTREE / len(case.atoms) < -1
    assert abs(result.forces.sum(axis=0)).max() < 1e-12


def test_garbage_header(case: Case) -> None:
    with serving(case) as (peer, driver):
        peer.sendall(b"GET / HTTP/1.1\r\n\r\n")
        with pytest.raises(ProtocolError, match="unknown message 'GET / HTTP/1'; is it an i-PI"):
            driver.finish()
        assert peer.recv(1) == b""  # closed, not reset


def test_binary_garbage_header(case: Case) -> None:
    with serving(case) as (peer, driver):
        peer.sendall(bytes(range(200, 212)))
        with pytest.raises(ProtocolError, match="unknown message"):
            driver.finish()


def test_forces_before_positions(case: Case) -> None:
    with serving(case) as (peer, driver):
        peer.sendall(init() + header("GETFORCE"))
        with pytest.raises(ProtocolError, match="before it sent a structure"):
            driver.finish()


@pytest.mark.parametrize("polled", [False, True])
@pytest.mark.parametrize(
    ("natoms", "value", "message"),
    [(9, 0.0, "9 atoms, but 10 in the template.*remove an <activelist>"), (10, np.nan, "not finite")],
)
def test_bad_structures_are_reported_after_the_request_was_read(
    case: Case, natoms: int, value: float, message: str, polled: bool
) -> None:
    positions = case.atoms.positions[:natoms].copy()
    positions[3, 1] += value
    with serving(case) as (peer, driver):
        peer.sendall(init() + posdata(positions, case.atoms.cell.array) + header("STATUS" if polled else "GETFORCE"))
        with pytest.raises(StructureError, match=message):
            driver.finish()
        assert peer.recv(1) == b""  # a reset would raise here, and kill i-PI's thread


def test_server_vanishes_inside_a_message(case: Case) -> None:
    with serving(case) as (peer, driver):
        peer.sendall(init() + posdata(case.atoms.positions, case.atoms.cell.array)[:-5])
        peer.close()
        with pytest.raises(ProtocolError, match="vanished in the middle of a message"):
            driver.finish()


def test_server_vanishes_before_it_takes_the_forces(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    closed, evaluator = threading.Event(), case.evaluator()
    evaluate = evaluator.evaluate
    # An answer that was sent before would lie in the socket, and nobody could know that it is not taken.
    monkeypatch.setattr(evaluator, "evaluate", lambda *a, **o: (closed.wait(30), evaluate(*a, **o))[1])
    with serving(case, evaluator=evaluator) as (peer, driver):
        peer.sendall(init() + posdata(case.atoms.positions, case.atoms.cell.array) + header("GETFORCE"))
        peer.close()
        closed.set()
        with pytest.raises(ProtocolError, match="vanished before it took its answer"):
            driver.finish()


def test_exit_while_computing(case: Case) -> None:
    """i-PI stops (Ctrl-C, walltime) while a driver computes: that is not an error."""
    with serving(case) as (peer, driver):
        peer.sendall(
            init() + posdata(case.atoms.positions, case.atoms.cell.array) + header("GETFORCE") + header("EXIT")
        )
        peer.shutdown(socket.SHUT_WR)
        driver.finish()
    assert "said EXIT" in driver.lines[-1]


def test_impossible_atom_count(case: Case) -> None:
    with serving(case) as (peer, driver):
        peer.sendall(init() + header("POSDATA") + bytes(144) + struct.pack("=i", -3) + bytes(100))
        with pytest.raises(ProtocolError, match="announced -3 atoms"):
            driver.finish()
        assert peer.recv(1) == b""


@pytest.mark.parametrize("text", ["batch_size:zero", " a : b , batch_size:-1"])
def test_impossible_batch_size(case: Case, text: str) -> None:
    with serving(case) as (peer, driver):
        peer.sendall(init(text))
        with pytest.raises(ProtocolError, match="batch_size"):
            driver.finish()


def test_parameters() -> None:
    assert protocol.parse_parameters(" ") == {}
    assert protocol.parse_parameters(" a : b , c : 1:2 ,  , batch_size:4") == {"a": "b", "c": "1:2", "batch_size": "4"}


def test_driver_without_shm_at_a_server_with_shm(case: Case) -> None:
    driver = DriverThread(case.unix, case.evaluator())
    message = "start the driver with --shm"
    with ipi(case, case.write_input(case.ffsocket("shm"))), pytest.raises(ProtocolError, match=message):
        driver.finish()


def test_driver_with_shm_at_a_server_without(case: Case) -> None:
    with serving(case, shm=True) as (peer, driver):
        peer.sendall(init() + posdata(case.atoms.positions, case.atoms.cell.array) + header("GETFORCE"))
        with pytest.raises(ProtocolError, match="--shm"):
            driver.finish()


def test_failing_driver_leaves_its_structure_to_another(case: Case) -> None:
    """One driver has a wrong template: it ends with an error, and the run goes on with the other."""
    other = case.atoms[:-1]
    evaluator = type(case.evaluator()).from_config(case.config, other, log=lambda line: None)
    wrong = DriverThread(case.unix, evaluator)
    run_with_threads(case, case.write_input(case.ffsocket(), beads=2), case.unix)
    with pytest.raises(StructureError, match="10 atoms, but 9 in the template"):
        wrong.finish()
    case.check_outputs(beads=2, steps=3)


def test_killed_ipi_ends_the_driver(case: Case) -> None:
    driver = DriverThread(case.unix, case.evaluator())
    with ipi(case, case.write_input(case.ffsocket(), steps=1_000_000)) as server:
        wait_until(lambda: (case.folder / "out.props").exists() and len((case.folder / "out.props").read_text()) > 2000)
        server.kill()
        # Between two messages it is a way to say EXIT, inside one it is an error: the moment decides.
        with contextlib.suppress(MoEError):
            driver.finish()
        assert not driver.is_alive()


@pytest.mark.parametrize("stop", [KeyboardInterrupt, SystemExit])
def test_an_interrupt_inside_compiled_code_is_one(case: Case, stop: type[BaseException]) -> None:
    """numba makes a SystemError of it."""

    class Interrupted:
        def evaluate(self, positions: np.ndarray, cells: np.ndarray, parameters: object) -> list[protocol.Result]:
            raise SystemError("<built-in> returned a result with an exception set") from stop()

    peer, sock = socket.socketpair()
    with peer, sock:
        peer.sendall(init() + posdata(case.atoms.positions, case.atoms.cell.array) + header("GETFORCE"))
        with pytest.raises(stop):
            Client(protocol.Connection(sock), Interrupted()).serve()
        assert peer.recv(1) == b""


def test_any_other_failure_is_one_line_with_its_cause(case: Case) -> None:
    class Broken:
        def evaluate(self, positions: np.ndarray, cells: np.ndarray, parameters: object) -> list[protocol.Result]:
            raise SystemError("something\nelse")

    peer, sock = socket.socketpair()
    with peer, sock:
        peer.sendall(init() + posdata(case.atoms.positions, case.atoms.cell.array) + header("GETFORCE"))
        with pytest.raises(StructureError, match=r"^the forces cannot be computed: SystemError: something$") as caught:
            Client(protocol.Connection(sock), Broken()).serve()
    assert isinstance(caught.value.__cause__, SystemError)
