"""To i-PI the ranks are a driver like any other."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.helpers.adaptive import check_every_frame, ledger, write_input
from tests.helpers.case import Case
from tests.helpers.configs import CHANGING
from tests.helpers.moe_ipi_run import run
from tests.helpers.processes import TIMEOUT, DriverThread, assert_one_error, ipi, wait_for, wait_until, wait_until_ready
from tests.helpers.ranks import lammps_driver, on_ranks


def test_assignments_that_change(tmp_path: Path) -> None:
    """Regions follow the atoms: the token of every structure reaches all ranks."""
    case = Case.create(tmp_path, CHANGING)
    input = write_input(case, steps=60, beads=2, stride=6)
    with lammps_driver(case, 2) as driver:
        wait_until_ready(driver)
        with run(case, input, "-n", "0") as parent:
            wait_for(parent)
        assert "LAMMPS on 2 ranks" in wait_for(driver)
    assert sum(bool(line.joined or line.left) for line in ledger(case.folder)[1:]) >= 3
    check_every_frame(case, beads=2)


def test_stopped_ranks_leave_the_run_to_another_driver(case: Case) -> None:
    props = case.folder / "out.props"
    with ipi(case, case.write_input(case.ffsocket(), beads=2, steps=20000)) as server, lammps_driver(case, 2) as driver:
        wait_until(lambda: props.exists() and props.stat().st_size > 3000, TIMEOUT)
        other = DriverThread(case.unix, case.evaluator())
        driver.send_signal(signal.SIGTERM)
        assert "Traceback" not in wait_for(driver, status=None)
        assert server.poll() is None
        server.send_signal(signal.SIGTERM)
        wait_for(server)
        assert other.finish() > 0


@pytest.mark.slow
def test_nobody_listens(case: Case) -> None:
    options = ("--template", "init.xyz", "-u", "-a", case.name, "--connect-timeout", "0.1")
    command = ("moe_ipi.cli", "driver", "--engine", "lammps", "-c", "moe.toml", *options)
    done = on_ranks(2, *command, cwd=case.folder)
    assert done.returncode == 1
    assert_one_error(done.stderr, "no i-PI at UNIX socket")
