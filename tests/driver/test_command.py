"""`moe-ipi driver` as a user meets it when something is wrong."""

import pytest
from driver_runs import Case, DriverThread, cli, ipi, wait_for, write_ipi_xyz


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
    with cli(case, "-u", *(part for item in options.items() for part in item)) as driver:
        output = wait_for(driver, status=1)
    assert_one_error(output, message)


def test_command_reports_a_wrong_template(case: Case) -> None:
    """i-PI sends ten atoms, the template has nine."""
    write_ipi_xyz(case.folder / "nine.xyz", case.atoms[1:])
    with (
        cli(case, "-c", "moe.toml", "--template", "nine.xyz", "-u", "-a", case.name) as driver,
        ipi(case, case.write_input(case.ffsocket())) as server,
    ):
        output = wait_for(driver, status=1)
        assert_one_error(output, "the server sent 10 atoms but the template has 9")
        assert server.poll() is None  # i-PI waits for a driver that can do it
        good = DriverThread(case.unix, case.evaluator())
        wait_for(server)
        good.finish()
    case.check_outputs(beads=1, steps=3)


def assert_one_error(output: str, message: str) -> None:
    errors = [line for line in output.splitlines() if line.startswith("moe-ipi: error:")]
    assert len(errors) == 1 and message in errors[0], output
    assert "Traceback" not in output
