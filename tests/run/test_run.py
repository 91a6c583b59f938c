"""`moe-ipi run` to its end: every kind of socket; all numbers that i-PI writes are checked."""

import socket

import numpy as np
import pytest

from moe_ipi.structure import read_template
from tests.helpers.case import Case
from tests.helpers.moe_ipi_run import children, end_with_all_drivers, run, run_to_end, step_of_restart, wait_for_steps
from tests.helpers.processes import free_port, wait_for


def test_path_integrals_with_two_drivers(case: Case) -> None:
    with run(case, case.write_input(case.ffsocket(), beads=4, steps=1_000_000), "-n", "2") as parent:
        output, steps = end_with_all_drivers(case, parent, 2)
        assert not children(case)
    case.check_outputs(beads=4, steps=steps)
    last = output.splitlines()[-1]
    assert last.startswith(f"{steps} steps in ") and "meV/atom" in last and "3 complex + 7 bulk atoms" in last
    for k in (1, 2):
        assert "structures evaluated" in (case.folder / f"out.driver-{k}.log").read_text()
    template = read_template(case.folder / "out.template.xyz")
    np.testing.assert_array_equal(template.positions, read_template(case.template).positions)


def test_inet_in_batches(case: Case) -> None:
    socket = case.ffsocket("inet", port=free_port(), options="<batch_size>2</batch_size>")
    run_to_end(case, case.write_input(socket, beads=4))
    case.check_outputs(beads=4, steps=3)


@pytest.mark.slow
def test_shared_memory(case: Case) -> None:
    run_to_end(case, case.write_input(case.ffsocket("shm"), mode="npt"))
    case.check_outputs(beads=1, steps=3)


def test_notes_of_the_ipi_process(case: Case) -> None:
    """Lines that only the process of i-PI can know reach the user: here, what a rule costs."""
    text = (case.folder / "moe.toml").read_text()
    rule = '{ type = "agreement", tolerance = 100.0 }'
    (case.folder / "moe.toml").write_text(text.replace("rules = [", f"rules = [{rule}, "))
    output = run_to_end(case, case.write_input(case.ffsocket(), beads=4))
    assert "\nagreement: both experts on every atom of 4 frames, " in output


def test_an_abandoned_socket_file_is_removed_and_an_exit_file_is_an_end(case: Case) -> None:
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(case.unix.path)
    with run(case, case.write_input(case.ffsocket(), steps=100_000), "--device", "cpu", "--no-compile") as parent:
        wait_for_steps(case, parent, 3)
        (case.folder / "EXIT").touch()
        output = wait_for(parent)
    assert "which a killed run had left" in output
    again = "moe-ipi run RESTART -c moe.toml -n 1 --device cpu --no-compile"
    assert f"ended the run early (there is a file EXIT: remove it); to continue: {again}\n" in output
    assert output.splitlines()[-1].startswith(f"{step_of_restart(case)} steps in ")
