"""Is the place where i-PI will listen free?"""

import socket
from pathlib import Path

import pytest

from moe_ipi.driver.address import Server
from moe_ipi.plugin.ipi_input import InputError
from moe_ipi.run.endpoint import free_endpoint
from tests.helpers.case import Case
from tests.helpers.processes import free_port


def test_free(case: Case) -> None:
    assert free_endpoint(case.unix) == ""
    assert free_endpoint(Server("127.0.0.1", free_port())) == ""


def test_the_longest_path() -> None:
    """One byte more is refused by the system."""
    server = Server("x" * (107 - len("/tmp/ipi_")))
    assert free_endpoint(server) == ""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(server.path)
        Path(server.path).unlink()
        with pytest.raises(OSError, match="too long"):
            sock.bind(server.path + "x")


def test_abandoned_socket_file(tmp_path: Path) -> None:
    server = Server("x", prefix=f"{tmp_path}/s_")
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(server.path)
    assert "a killed run had left" in free_endpoint(server)
    assert not Path(server.path).exists()


def test_somebody_listens(tmp_path: Path) -> None:
    server = Server("x", prefix=f"{tmp_path}/s_")
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(server.path)
        sock.listen(1)
        with pytest.raises(InputError, match=r"in use.*change <address>"):
            free_endpoint(server)
    with socket.create_server(("127.0.0.1", 0)) as sock:
        port = sock.getsockname()[1]
        with pytest.raises(InputError, match=r"in use.*change <port>"):
            free_endpoint(Server("127.0.0.1", port))


@pytest.mark.parametrize(
    ("server", "message"),
    [
        (Server("no.such.host.invalid", 31415), "correct <address>"),
        (Server("127.0.0.1", 99999), "change <address> or <port>"),
        (Server("x", prefix="/no/such/folder/ipi_"), "there is no folder"),
        (Server("x" * 120), "/tmp/ipi_x+ has 129 bytes, and a UNIX socket's may have 107: shorten <address>"),
        (Server("\u00e9" * 50), "has 109 bytes"),
    ],
)
def test_nobody_can_listen(server: Server, message: str) -> None:
    with pytest.raises(InputError, match=message):
        free_endpoint(server)


def test_a_file_is_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "s_x").write_text("precious")
    with pytest.raises(InputError, match="is not a socket"):
        free_endpoint(Server("x", prefix=f"{tmp_path}/s_"))
    assert (tmp_path / "s_x").read_text() == "precious"
