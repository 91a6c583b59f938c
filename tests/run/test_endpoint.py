"""Where i-PI will listen: free, and no other run's."""

import re
import shutil
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from moe_ipi.driver.address import Server
from moe_ipi.plugin.ipi_input import InputError
from moe_ipi.run.endpoint import claim_outputs, free_endpoint
from moe_ipi.run.launch import run_simulation
from tests.helpers.case import Case
from tests.helpers.moe_ipi_run import run, wait_for_steps
from tests.helpers.processes import free_port, wait_for


@pytest.fixture
def held() -> Iterator[ExitStack]:
    with ExitStack() as held:
        yield held


def test_free(case: Case, held: ExitStack) -> None:
    inet = Server("127.0.0.1", free_port())
    assert free_endpoint(case.unix, held) == (case.unix, "")
    assert free_endpoint(inet, held) == (inet, "")


def test_an_address_is_one_runs(case: Case) -> None:
    """Also before its i-PI listens; and it is free when the run is over."""
    with ExitStack() as first, ExitStack() as second:
        assert free_endpoint(case.unix, first) == (case.unix, "")
        place, note = free_endpoint(case.unix, second)
        assert place == Server(case.name + "-2")
        assert note == f"UNIX socket /tmp/ipi_{case.name} is another run's: this one listens at /tmp/ipi_{case.name}-2"
        with ExitStack() as third:
            assert free_endpoint(case.unix, third)[0] == Server(case.name + "-3")
    with ExitStack() as after:
        assert free_endpoint(case.unix, after) == (case.unix, "")


def test_the_files_of_a_prefix_are_one_runs(tmp_path: Path) -> None:
    refused = pytest.raises(InputError, match=r"another run writes 'out\.\*' in '.*': wait for its end")
    with claim_outputs(tmp_path, "out"), claim_outputs(tmp_path, "other"), refused:
        claim_outputs(tmp_path, "out")
    claim_outputs(tmp_path, "out").close()


def test_two_runs_of_one_input(case: Case, tmp_path: Path) -> None:
    """Started at the same moment, in two folders: both come to their ends. In one folder: the second is refused."""
    case.write_input(case.ffsocket(), steps=1_000_000)
    copy = Case(shutil.copytree(case.folder, tmp_path / "copy"), case.atoms, case.name)
    with run(case) as one, run(copy) as other:
        wait_for_steps(case, one, 2)
        wait_for_steps(copy, other, 2)
        with pytest.raises(InputError, match="another run writes 'out"):
            run_simulation(case.folder / "input.xml", case.folder / "moe.toml")
        for each in (case, copy):
            (each.folder / "EXIT").touch()
        outputs = wait_for(one), wait_for(other)
    assert sum(f"is another run's: this one listens at /tmp/ipi_{case.name}-2" in output for output in outputs) == 1
    restarts = [(each.folder / "RESTART").read_text() for each in (case, copy)]
    addresses = {re.search(r"<address>\s*(\S+?)\s*</address>", text).group(1) for text in restarts}
    assert addresses == {case.name, f"{case.name}-2"}
    assert not list(Path("/tmp").glob(f"ipi_{case.name}*"))


def test_the_longest_path(held: ExitStack) -> None:
    """One byte more is refused by the system."""
    server = Server("x" * (107 - len("/tmp/ipi_")))
    assert free_endpoint(server, held) == (server, "")
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(server.path)
        Path(server.path).unlink()
        with pytest.raises(OSError, match="too long"):
            sock.bind(server.path + "x")


def test_abandoned_socket_file(tmp_path: Path, held: ExitStack) -> None:
    server = Server("x", prefix=f"{tmp_path}/s_")
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(server.path)
    place, note = free_endpoint(server, held)
    assert place == server and "a killed run had left" in note
    assert not Path(server.path).exists()


def test_somebody_listens(tmp_path: Path, held: ExitStack) -> None:
    """Such as a plain i-PI."""
    server = Server("x", prefix=f"{tmp_path}/s_")
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(server.path)
        sock.listen(1)
        place, note = free_endpoint(server, held)
        assert place == Server("x-2", prefix=server.prefix) and f"listens at {tmp_path}/s_x-2" in note
    with socket.create_server(("127.0.0.1", 0)) as sock:
        port = sock.getsockname()[1]
        with pytest.raises(InputError, match=r"in use.*change <port>"):
            free_endpoint(Server("127.0.0.1", port), held)


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
def test_nobody_can_listen(server: Server, message: str, held: ExitStack) -> None:
    with pytest.raises(InputError, match=message):
        free_endpoint(server, held)


def test_a_file_is_in_the_way(tmp_path: Path, held: ExitStack) -> None:
    (tmp_path / "s_x").write_text("precious")
    with pytest.raises(InputError, match="is not a socket"):
        free_endpoint(Server("x", prefix=f"{tmp_path}/s_"), held)
    assert (tmp_path / "s_x").read_text() == "precious"
