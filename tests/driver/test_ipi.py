"""Real i-PI runs with every kind of exchange; all numbers that i-PI writes are checked."""

import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

import moe_ipi
from moe_ipi.driver.address import Server
from tests.helpers.case import Case, write_init
from tests.helpers.processes import (
    PES,
    driver_process,
    free_port,
    ipi,
    process,
    run_with_threads,
    wait_for,
    wait_until,
    wait_until_ready,
)


def test_unix(case: Case) -> None:
    evaluated = run_with_threads(case, case.write_input(case.ffsocket(), beads=2), case.unix)
    case.check_outputs(beads=2, steps=3)
    assert sum(evaluated) == 2 * 4


def test_inet(case: Case) -> None:
    port = free_port()
    server = Server("127.0.0.1", port)
    run_with_threads(case, case.write_input(case.ffsocket("inet", port=port), mode="npt"), server)
    case.check_outputs(beads=1, steps=3)


@pytest.mark.parametrize("batch_size", [pytest.param(1, marks=pytest.mark.slow), 2])
def test_shared_memory(case: Case, batch_size: int) -> None:
    options = f"<batch_size>{batch_size}</batch_size>"
    run_with_threads(
        case, case.write_input(case.ffsocket("shm", options=options), beads=4), Server(case.name, shm=True), drivers=2
    )
    case.check_outputs(beads=4, steps=3)


def test_batches_with_padding(case: Case) -> None:
    """Four beads in batches of three: the last two places of the second batch are padding."""
    input = case.write_input(case.ffsocket(options="<batch_size>3</batch_size>"), beads=4)
    evaluated = run_with_threads(case, input, case.unix)
    case.check_outputs(beads=4, steps=3)
    # In the first step all beads coincide, so that a batch of them looks like padding.
    assert sum(evaluated) == 2 + 3 * 4


def test_polled_exchange(case: Case) -> None:
    options = "<consolidate_messages>False</consolidate_messages>"
    run_with_threads(case, case.write_input(case.ffsocket(options=options), beads=2), case.unix, drivers=2)
    case.check_outputs(beads=2, steps=3)


def test_parameters_reach_the_driver_and_do_no_harm(case: Case) -> None:
    options = "<parameters>{key: value, other: 3}</parameters><batch_size>2</batch_size>"
    run_with_threads(case, case.write_input(case.ffsocket(options=options), beads=2), case.unix)
    case.check_outputs(beads=2, steps=3)


@pytest.mark.parametrize(("mode", "number"), [("unix", 2), ("inet", 1), pytest.param("shm", 1, marks=pytest.mark.slow)])
def test_drivers_by_hand(case: Case, mode: str, number: int) -> None:
    """Plain i-pi and `moe-ipi driver` processes, which start before i-PI and wait for it."""
    port = free_port()
    where = {"unix": ("-u", "-a", case.name), "inet": ("-p", str(port)), "shm": ("--shm", "-a", case.name)}
    arguments = ("-c", "moe.toml", "--template", "init.xyz", *where[mode])
    with ExitStack() as stack:
        drivers = [stack.enter_context(driver_process(case, *arguments)) for _ in range(number)]
        wait_until_ready(*drivers)
        with ipi(case, case.write_input(case.ffsocket(mode, port=port), beads=4, steps=6)) as server:
            wait_for(server)
        for driver in drivers:
            output = wait_for(driver)
            assert "assignment: " in output and "frozen" in output
            assert "the server said EXIT" in output
            assert "Warning" not in output  # such as Python's about shared memory
    case.check_outputs(beads=4, steps=6)


@pytest.mark.parametrize("batch_size", [pytest.param(1, marks=pytest.mark.slow), 2])
def test_ffdirect(case: Case, batch_size: int) -> None:
    forcefield = (
        f"<ffdirect name='moe' pbc='False'><pes>custom</pes><pes_path>{PES}</pes_path>"
        f"<batch_size>{batch_size}</batch_size>"
        "<parameters>{config: moe.toml, template: init.xyz}</parameters></ffdirect>"
    )
    with ipi(case, case.write_input(forcefield, beads=2)) as server:
        wait_for(server)
    case.check_outputs(beads=2, steps=3)


def test_py_driver(case: Case) -> None:
    """i-PI's own driver script with the installed PES file; it does not wait for i-PI, so it starts second."""
    input = case.write_input(case.ffsocket(options="<batch_size>2</batch_size>"), beads=2)
    program = Path(sys.executable).with_name("i-pi-py_driver")
    command = [sys.executable, "-P", "-m", "moe_ipi.cli", "pes-path"]
    path = subprocess.run(command, capture_output=True, text=True, check=True, cwd=case.folder).stdout.strip()
    assert Path(path).is_relative_to(Path(moe_ipi.__file__).parent)
    options = ("-u", "-a", case.name, "-m", "custom", "-P", path, "-o", "config=moe.toml,template=init.xyz")
    with ipi(case, input) as server:
        wait_until(Path(case.unix.path).exists)
        with process(program, *options, cwd=case.folder) as driver:
            wait_for(server)
            wait_for(driver)
    case.check_outputs(beads=2, steps=3)


@pytest.mark.parametrize(
    ("threaded", "parameters", "message"),
    [
        ("False", "template: init.xyz", "the PES needs its config"),
        ("False", "config: moe.toml, template: nine.xyz", "10 atoms, but 9 in the template"),
        ("True", "config: moe.toml, template: nine.xyz", "10 atoms, but 9 in the template"),
    ],
)
def test_ffdirect_stops_with_one_line(case: Case, threaded: str, parameters: str, message: str) -> None:
    write_init(case.folder / "nine.xyz", case.atoms[1:])
    forcefield = (
        f"<ffdirect name='moe' pbc='False' threaded='{threaded}'><pes>custom</pes><pes_path>{PES}</pes_path>"
        f"<parameters>{{{parameters}}}</parameters></ffdirect>"
    )
    with ipi(case, case.write_input(forcefield)) as server:
        output = wait_for(server, status=1)
    assert sum(line.startswith("moe-ipi: error:") and message in line for line in output.splitlines()) == 1
    assert "Traceback" not in output
