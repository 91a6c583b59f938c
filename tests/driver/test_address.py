"""Waiting for a server, and saying why there is none."""

import socket
import time
from pathlib import Path

import pytest

from moe_ipi.driver.address import Server, connect
from moe_ipi.driver.protocol import ProtocolError, header
from tests.helpers.case import Case
from tests.helpers.processes import DriverThread, free_port


@pytest.mark.parametrize(
    ("server", "message"),
    [
        (Server("nobody-here"), "the socket file does not exist"),
        (Server("127.0.0.1", free_port()), "nobody listens there"),
        (Server("no-such-host.invalid", 1234), "there is no host 'no-such-host.invalid'"),
        (Server("x" * 200), "cannot connect to UNIX socket"),
        (Server("127.0.0.1", 70000), "a port is a number from 1 to 65535"),
    ],
)
def test_no_server(server: Server, message: str) -> None:
    start = time.monotonic()
    with pytest.raises(ProtocolError, match=message):
        connect(server, 0.5)
    assert time.monotonic() - start < 10


def test_stale_socket_file(case: Case) -> None:
    path = Path(case.unix.path)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
    try:
        with pytest.raises(ProtocolError, match=r"remove it if a run that crashed has left it"):
            connect(case.unix, 0.3)
    finally:
        path.unlink()


def test_connection_is_tried_again(case: Case) -> None:
    port = free_port()
    driver = DriverThread(Server("127.0.0.1", port), case.evaluator())
    time.sleep(0.6)
    assert driver.is_alive()
    with socket.create_server(("127.0.0.1", port)) as server:
        server.settimeout(10)
        peer, _ = server.accept()
        with peer:
            peer.sendall(header("EXIT"))
            driver.finish()
