"""`moe-ipi driver` as a user meets it when something is wrong."""

import signal

import pytest

from tests.helpers.case import Case, write_init
from tests.helpers.configs import MOE_TOML
from tests.helpers.processes import DriverThread, assert_one_error, driver_process, ipi, wait_for, wait_until


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({}, "no i-PI at UNIX socket"),
        ({"--template": "wrong.xyz"}, "template"),
        ({"-c": "none.toml"}, "none.toml"),
    ],
)
def test_command_reports_one_line(case: Case, change: dict[str, str], message: str) -> None:
    options = {"-c": "moe.toml", "--template": "init.xyz", "-a": case.name, "--connect-timeout": "0.5"} | change
    with driver_process(case, "-u", *(part for item in options.items() for part in item)) as child:
        output = wait_for(child, status=1)
    assert_one_error(output, message)


def test_command_reports_a_wrong_template(case: Case) -> None:
    """i-PI sends ten atoms, the template has nine."""
    write_init(case.folder / "nine.xyz", case.atoms[1:])
    with (
        driver_process(case, "-c", "moe.toml", "--template", "nine.xyz", "-u", "-a", case.name) as child,
        ipi(case, case.write_input(case.ffsocket())) as server,
    ):
        output = wait_for(child, status=1)
        assert_one_error(output, "what the server sent cannot be evaluated")
        assert_one_error(output, "10 atoms, but 9 in the template")
        assert server.poll() is None  # i-PI waits for a driver that can do it
        good = DriverThread(case.unix, case.evaluator())
        wait_for(server)
        good.finish()
    case.check_outputs(beads=1, steps=3)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_stopped_driver_leaves_the_run_to_the_other(case: Case, number: signal.Signals) -> None:
    """Also: the config may name the template."""
    (case.folder / "with_template.toml").write_text('template = "init.xyz"\n' + MOE_TOML)
    props = case.folder / "out.props"
    with (
        ipi(case, case.write_input(case.ffsocket(), beads=2, steps=20000)) as server,
        driver_process(case, "-c", "with_template.toml", "-u", "-a", case.name) as child,
    ):
        wait_until(lambda: props.exists() and props.stat().st_size > 3000)
        other = DriverThread(case.unix, case.evaluator())
        child.send_signal(number)
        output = wait_for(child, status=None)
        assert "Traceback" not in output
        assert server.poll() is None  # the run was not over
        server.send_signal(signal.SIGTERM)  # i-PI writes its RESTART and says EXIT
        wait_for(server)
        assert other.finish() > 0
