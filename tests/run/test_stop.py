"""`moe-ipi run` stops: asked to, or because a part of it failed. A RESTART stays, and no process."""

import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from moe_ipi.driver.protocol import Result
from moe_ipi.structure import read_template
from tests.helpers.case import Case
from tests.helpers.moe_ipi_run import children, run, run_to_end, step_of_restart, steps, wait_for_steps
from tests.helpers.processes import DriverThread, assert_one_error, process, wait_for, wait_until


def endless(case: Case, beads: int = 1) -> Path:
    """An input that does not end within a test, and that keeps all digits in its RESTART."""
    return case.write_input(case.ffsocket(), beads=beads, steps=1_000_000)


def test_ctrl_c_and_restart(case: Case) -> None:
    with run(case, endless(case, beads=2), "-n", "2") as parent:
        wait_for_steps(case, parent, 5)
        assert len(children(case)) == 3
        parent.send_signal(signal.SIGINT)
        output = wait_for(parent, status=130)
        assert not children(case)
    stopped = step_of_restart(case)
    assert stopped >= 5
    assert f"stopped; RESTART is at step {stopped}; to continue: moe-ipi run RESTART -c moe.toml -n 2" in output
    assert not Path(case.unix.path).exists()
    written = steps(case)
    assert written == list(range(stopped + 1))

    restart = case.folder / "RESTART"
    text = restart.read_text()
    assert "1000000" in text
    restart.write_text(text.replace("1000000", f"{stopped + 4}"))
    run_to_end(case, "RESTART", "-n", "2")
    assert steps(case) == list(range(stopped + 5))
    # All steps, before and after, are those of one Hamiltonian.
    case.check_outputs(beads=2, steps=stopped + 4)
    # What the drivers got as their template: the centroid of the RESTART.
    template = read_template(case.folder / "out.template.xyz")
    assert template.get_chemical_symbols() == case.atoms.get_chemical_symbols()
    np.testing.assert_allclose(template.cell.array, case.atoms.cell.array, atol=1e-9)
    beads = case.frames("pos", 2, stopped + 5)[stopped]
    np.testing.assert_allclose(template.positions, beads.mean(axis=0), atol=1e-9)


def test_stopped_while_the_driver_hangs(case: Case) -> None:
    with run(case, endless(case)) as parent:
        wait_for_steps(case, parent, 3)
        (driver,) = children(case, "cli")
        os.kill(driver, signal.SIGSTOP)
        parent.send_signal(signal.SIGTERM)
        wait_for(parent, status=130)
        assert not children(case)
    assert step_of_restart(case) >= 3


def test_stopped_before_the_first_force(case: Case) -> None:
    """i-PI writes its first outputs, and so waits for forces that never come, while it holds back its own stop."""
    with run(case, endless(case)) as parent:
        wait_until(lambda: len(children(case)) == 2)
        (driver,) = children(case, "cli")
        os.kill(driver, signal.SIGSTOP)
        wait_until(Path(case.unix.path).exists)
        parent.send_signal(signal.SIGINT)
        output = wait_for(parent, status=130)
        assert not children(case)
    assert "RESTART is at step 0" in output
    assert step_of_restart(case) == 0


STOPPED_WHILE_LOADING = """
import os, signal, sys
from ipi.interfaces.sockets import InterfaceSocket
from moe_ipi.plugin import server_process

open_socket = InterfaceSocket.open

def interrupted(interface):
    open_socket(interface)  # the socket file is there now, i-PI's own signal handlers are not yet
    os.kill(os.getpid(), signal.SIGTERM)

InterfaceSocket.open = interrupted
sys.argv[1:] = ["input.xml", "1", "moe.toml"]
server_process.main()
"""


@pytest.mark.slow
def test_stopped_while_ipi_loads(case: Case) -> None:
    endless(case)
    with process(sys.executable, "-c", STOPPED_WHILE_LOADING, cwd=case.folder) as server:
        wait_for(server, status=0)
    assert step_of_restart(case) == 0
    assert not Path(case.unix.path).exists()


class AddsAnAtom:
    """An evaluator that returns forces on one atom too many."""

    def evaluate(self, positions: np.ndarray, cells: np.ndarray, parameters: Mapping[str, str]) -> list[Result]:
        forces = np.zeros((positions.shape[1] + 1, 3))
        return [Result(0.0, forces, np.zeros((3, 3)), "{}")] * len(cells)


def test_ipi_that_would_hang(case: Case) -> None:
    """An answer of the wrong size kills i-PI's thread that talks to the drivers, and plain i-PI waits for ever."""
    with run(case, endless(case, beads=2)) as parent:
        wait_for_steps(case, parent, 3)
        DriverThread(case.unix, AddsAnAtom())
        output = wait_for(parent, status=1)
        assert not children(case)
    assert_one_error(output, "i-PI's exchange with the drivers broke down: InvalidSize")
    assert "the newest file to continue from is '" in output and step_of_restart(case) >= 3


def test_killed_ipi(case: Case) -> None:
    with run(case, endless(case)) as parent:
        wait_for_steps(case, parent, 3)
        os.kill(children(case, "plugin")[0], signal.SIGKILL)
        output = wait_for(parent, status=1)
        assert not children(case)
    assert_one_error(output, "i-PI failed: it was killed by signal 9 (SIGKILL)")


def test_killed_parent(case: Case) -> None:
    with run(case, endless(case)) as parent:
        wait_for_steps(case, parent, 3)
        parent.kill()
        parent.wait()
        wait_until(lambda: not children(case))
    assert step_of_restart(case) >= 3


@pytest.mark.slow
def test_killed_parent_while_a_driver_loads(case: Case) -> None:
    """The driver neither waits for an i-PI that is gone, nor joins another run at its address."""
    with run(case, endless(case)) as parent:
        wait_until(lambda: len(children(case)) == 2)
        (driver,) = children(case, "cli")
        os.kill(driver, signal.SIGSTOP)
        parent.kill()
        parent.wait()
        os.kill(driver, signal.SIGCONT)
        wait_until(lambda: not children(case), 60.0)
    assert_one_error((case.folder / "out.driver-1.log").read_text(), "the run that has started this driver has ended")


@pytest.mark.parametrize("where", ["i-PI", "driver"])
def test_failure_at_the_start(case: Case, where: str) -> None:
    input = endless(case)
    if where == "i-PI":
        # Only found when i-PI opens its outputs.
        input.write_text(input.read_text().replace("filename='for'", "filename='pos'"))
        message = "i-PI cannot start: Output filenames are not unique"
    else:
        text = (case.folder / "init.xyz").read_text()
        (case.folder / "init.xyz").write_text(text.replace("\nC ", "\nAu "))
        message = "driver 1 failed: "
    with run(case, input) as parent:
        output = wait_for(parent, status=1)
        assert not children(case)
    assert_one_error(output, message)
    if where == "driver":
        assert "Au" in output
