"""A driver that is lost does not end a healthy run: another one is started in its place, and the user hears why."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import time
from pathlib import Path

import pytest

from tests.helpers.case import Case
from tests.helpers.configs import MOE_TOML
from tests.helpers.moe_ipi_run import children, run, steps, wait_for_steps
from tests.helpers.processes import assert_one_error, free_port, wait_for, wait_until

STEPS = 400


def quick(case: Case, *, restarts: int = 5) -> None:
    """A config with which a new driver is started soon."""
    (case.folder / "moe.toml").write_text(MOE_TOML + f"[run]\nrestarts = {restarts}\nrestart_delay = 0.3\n")


@pytest.mark.parametrize("drivers", ["1", pytest.param("2", marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    ("number", "reason"),
    [
        (signal.SIGKILL, r"was killed by signal 9 \(SIGKILL\)"),
        # One that still loads its models does not end in its own way.
        pytest.param(
            signal.SIGTERM, r"(ended with status 143|was killed by signal 15 \(SIGTERM\))", marks=pytest.mark.slow
        ),
    ],
)
def test_a_lost_driver_is_replaced(case: Case, drivers: str, number: signal.Signals, reason: str) -> None:
    quick(case)
    with run(case, case.write_input(case.ffsocket(), beads=2, steps=STEPS), "-n", drivers) as parent:
        wait_for_steps(case, parent, 5)
        os.kill(children(case, "cli")[0], number)
        output = wait_for(parent)
        assert not children(case)
    case.check_outputs(beads=2, steps=STEPS)
    log = (case.folder / "out.driver-1.log").read_text()
    for text in (output, log):
        assert re.search(f"driver 1 was lost: it {reason}.*; a new one is started \\(1 of at most 5\\)", text)
    if drivers == "1":
        assert log.count("moe-ipi driver: connected\n") == 2  # the log of the first one is kept


@pytest.mark.parametrize(
    "mode", ["unix", *(pytest.param(m, marks=pytest.mark.slow) for m in ("polled", "inet", "shm"))]
)
def test_killed_with_a_request_unread(case: Case, mode: str) -> None:
    """It resets the connection, which ends the thread of i-PI 3.3.1 that talks to the drivers."""
    quick(case)
    options = "<consolidate_messages>False</consolidate_messages>" if mode == "polled" else ""
    kind = "unix" if mode == "polled" else mode
    field = case.ffsocket(kind, port=free_port() if mode == "inet" else 0, options=options)
    with run(case, case.write_input(field, beads=2, steps=STEPS)) as parent:
        wait_for_steps(case, parent, 5)
        (driver,) = children(case, "cli")
        os.kill(driver, signal.SIGSTOP)
        time.sleep(0.3)
        assert steps(case)[-1] < STEPS
        os.kill(driver, signal.SIGKILL)
        output = wait_for(parent)
    assert output.count("a new one is started") == 1
    case.check_outputs(beads=2, steps=STEPS)


@pytest.mark.slow
def test_dropped_by_the_timeout_of_i_pi(case: Case) -> None:
    quick(case)
    field = case.ffsocket(options="<timeout>0.5</timeout>")
    with run(case, case.write_input(field, steps=4 * STEPS)) as parent:
        wait_for_steps(case, parent, 5)
        (driver,) = children(case, "cli")
        while Path(f"/proc/{driver}").exists():  # i-PI drops one only if it holds a structure
            with contextlib.suppress(ProcessLookupError):
                os.kill(driver, signal.SIGSTOP)
                time.sleep(1.0)
                os.kill(driver, signal.SIGCONT)
                time.sleep(0.3)
        output = wait_for(parent)
    assert "driver 1 was lost: " in output and "a new one is started (1 of at most 5)" in output
    case.check_outputs(beads=1, steps=4 * STEPS)


@pytest.mark.slow
def test_no_more_than_so_many(case: Case) -> None:
    quick(case, restarts=1)
    with run(case, case.write_input(case.ffsocket(), beads=2, steps=1_000_000), "-n", "2") as parent:
        wait_for_steps(case, parent, 5)
        first, second = children(case, "cli")
        os.kill(first, signal.SIGKILL)
        wait_until(lambda: "(1 of at most 1)" in parent.log.read_text())
        os.kill(second, signal.SIGKILL)
        wait_until(lambda: "the run goes on with 1" in parent.log.read_text())
        wait_for_steps(case, parent, steps(case)[-1] + 20)  # with the new one
        os.kill(children(case, "cli")[0], signal.SIGKILL)
        output = wait_for(parent, status=1)
        assert not children(case)
    assert_one_error(output, "it was the last one, and no more than 1 are started anew ([run] restarts)")
    assert "the newest file to continue from is '" in output
