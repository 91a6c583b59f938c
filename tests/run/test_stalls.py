"""A run that stands still says who is waited for, can be told to help itself, and can always be stopped."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from subprocess import Popen

import pytest

from tests.helpers.case import Case
from tests.helpers.configs import MOE_TOML
from tests.helpers.moe_ipi_run import children, run, step_of_restart, steps, wait_for_steps
from tests.helpers.processes import assert_one_error, free_port, wait_for, wait_until

STEPS = 400
#: Seconds between Ctrl-C and the end, on a machine that does nothing else; tests run beside others.
SOON = 2.0 if len(os.sched_getaffinity(0)) > 4 else 4.0


def settings(case: Case, *, restarts: int = 5) -> None:
    (case.folder / "moe.toml").write_text(MOE_TOML + f"[run]\nrestarts = {restarts}\nrestart_delay = 0.3\n")


@contextlib.contextmanager
def stranger(case: Case) -> Iterator[socket.socket]:
    """Somebody who connects to the socket of i-PI and says nothing."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(case.unix.path)
        yield sock


def told(parent: Popen[str], text: str, seconds: float = 60.0) -> None:
    """Wait until the user was told something."""
    wait_until(lambda: text in parent.log.read_text(), seconds)


@pytest.mark.parametrize("mode", ["unix", pytest.param("inet", marks=pytest.mark.slow)])
def test_a_stopped_driver_is_named_and_replaced(case: Case, mode: str) -> None:
    settings(case)
    field = case.ffsocket(mode, port=free_port() if mode == "inet" else 0)
    with run(case, case.write_input(field, steps=STEPS), "--stall-timeout", "4") as parent:
        wait_for_steps(case, parent, 5)
        (driver,) = children(case, "cli")
        os.kill(driver, signal.SIGSTOP)
        told(parent, f"driver 1 was lost: it did not answer (stopped by a signal, pid {driver}) and was killed; a new")
        output = wait_for(parent)
    # Where it does not answer i-PI's question about its state, i-PI takes it off its list.
    named = (
        rf"driver 1 \(pid {driver}\), stopped by a signal,|a driver, none .* \(pid {driver}, stopped by a signal\).*"
    )
    assert re.search(f"the run stands still: it waits for ({named}) since ", output)
    case.check_outputs(beads=1, steps=STEPS)


@pytest.mark.slow
def test_a_stopped_driver_that_cannot_be_replaced_ends_the_run(case: Case) -> None:
    settings(case, restarts=0)
    with run(case, case.write_input(case.ffsocket(), steps=1_000_000), "--stall-timeout", "2") as parent:
        wait_for_steps(case, parent, 5)
        (driver,) = children(case, "cli")
        os.kill(driver, signal.SIGSTOP)
        output = wait_for(parent, status=1)
        assert not children(case)
    assert_one_error(output, f"i-PI has waited for driver 1 (pid {driver}), stopped by a signal, since ")
    assert "the newest file to continue from is '" in output and step_of_restart(case) >= 5


def test_a_silent_stranger_is_named_and_shown_out(case: Case) -> None:
    settings(case)
    with run(case, case.write_input(case.ffsocket(), steps=STEPS), "--stall-timeout", "3") as parent:
        wait_for_steps(case, parent, 5)
        with stranger(case) as sock:
            me = f"a process that this run has not started (pid {os.getpid()}, "
            told(parent, f"the run stands still: it waits for {me}")
            told(parent, f"the connection is closed of {me}")
            sock.settimeout(30)
            while sock.recv(100):
                pass
        wait_for(parent)
    case.check_outputs(beads=1, steps=STEPS)


def test_i_pi_itself_is_stopped(case: Case) -> None:
    settings(case)
    with run(case, case.write_input(case.ffsocket(), steps=1_000_000), "--stall-timeout", "3") as parent:
        wait_for_steps(case, parent, 5)
        (server,) = children(case, "plugin")
        os.kill(server, signal.SIGSTOP)
        output = wait_for(parent, status=1)
        assert not children(case)
    assert_one_error(output, f"i-PI has waited for i-PI itself (pid {server}, stopped by a signal)")
    assert "the newest file to continue from is '" in output


@pytest.mark.parametrize(
    "who", ["stopped driver", "stranger", *(pytest.param(who, marks=pytest.mark.slow) for who in ("nobody", "i-PI"))]
)
def test_ctrl_c_while_nothing_moves(case: Case, who: str) -> None:
    with (
        run(case, case.write_input(case.ffsocket(), steps=1_000_000), "-n", "0" if who == "nobody" else "1") as parent,
        contextlib.ExitStack() as stack,
    ):
        if who == "nobody":
            wait_until(Path(case.unix.path).exists, 60.0)
            time.sleep(1.0)
        else:
            wait_for_steps(case, parent, 5)
        if who == "stopped driver":
            os.kill(children(case, "cli")[0], signal.SIGSTOP)
        elif who == "i-PI":
            os.kill(children(case, "plugin")[0], signal.SIGSTOP)
        elif who == "stranger":
            stack.enter_context(stranger(case))
        time.sleep(1.0)
        start = time.monotonic()
        parent.send_signal(signal.SIGINT)
        wait_for(parent, status=130)
        seconds = time.monotonic() - start
        assert not children(case)
    assert step_of_restart(case) == (steps(case) or [0])[-1]
    print(f"Ctrl-C, {who}: {seconds:.2f} s")
    assert seconds < SOON


@pytest.mark.slow
def test_a_job_that_was_suspended_is_not_a_stall(case: Case) -> None:
    """The queue stops all processes and lets them go on: time has passed for nobody."""
    settings(case)
    with run(case, case.write_input(case.ffsocket(), steps=STEPS), "--stall-timeout", "2") as parent:
        wait_for_steps(case, parent, 5)
        everybody = [parent.pid, *children(case)]
        for pid in everybody:
            os.kill(pid, signal.SIGSTOP)
        time.sleep(4.0)
        for pid in reversed(everybody):
            os.kill(pid, signal.SIGCONT)
        output = wait_for(parent)
    assert "stands still" not in output and "lost" not in output
