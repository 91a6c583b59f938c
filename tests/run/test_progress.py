"""What a user sees while a run goes on."""

import io

import pytest
from rich.console import Console

from moe_ipi.run.progress import Display, Status, duration

REPORT = {"step": 1, "total": 20, "natoms": 10, "nsystems": 2, "temperature": 300.4, "conserved": -5.0, "n_complex": 3}


def test_status() -> None:
    status = Status(0, 20)
    assert str(status) == ""
    status.update(REPORT)
    assert str(status) == "300 K, conserved +0.000 meV/atom, 3 complex + 7 bulk atoms"
    status.update({**REPORT, "step": 2, "conserved": -4.9})
    assert status.drift == pytest.approx(1000 * 0.1 / 20)
    # i-PI does not know it at once after a change of the assignment.
    status.update({**REPORT, "step": 3, "conserved": None, "segment": 4, "n_complex": 2})
    assert str(status) == "300 K, conserved +5.000 meV/atom, segment 4, 2 complex + 8 bulk atoms"


def test_motions_without_a_temperature() -> None:
    """Such as a geometry optimisation."""
    status = Status(0, 20)
    status.update({"step": 3, "total": 20, "natoms": 10, "n_complex": 3})
    assert str(status) == "3 complex + 7 bulk atoms"


def test_lines_where_there_is_no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    out = io.StringIO()
    status = Status(0, 20)
    with Display(Console(file=out, width=40), status) as display:
        for step in range(1, 21):
            now += 2.0
            status.update({**REPORT, "step": step})
            display.refresh()
    lines = out.getvalue().splitlines()
    assert 5 <= len(lines) <= 10
    assert lines[-1].startswith("step 20/20, 0:00 left, 300 K")
    # Two seconds a step: the time left is right from the first line on.
    for line in lines:
        step, left = int(line.split()[1].split("/")[0]), line.split()[2]
        assert left == duration(2.0 * (20 - step))


def test_bar_in_a_terminal() -> None:
    out = io.StringIO()
    status = Status(0, 20)
    with Display(Console(file=out, force_terminal=True, width=150), status) as display:
        display.refresh("drivers: loading")
        status.update(REPORT)
        display.refresh()
    assert "step 1/20" in out.getvalue() and "3 complex + 7 bulk atoms" in out.getvalue()


@pytest.mark.parametrize(("seconds", "text"), [(0.2, "0:00"), (75, "1:15"), (3700, "1:01:40")])
def test_duration(seconds: float, text: str) -> None:
    assert duration(seconds) == text
