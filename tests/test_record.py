"""The ledger of a run that goes on: lines that its RESTART does not know are cut, and a kill meanwhile loses none."""

from __future__ import annotations

from pathlib import Path

import pytest

from moe_ipi.ledger import LedgerError
from moe_ipi.record import Record

HEADER = "# step\n"


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = Path("out.moe_ledger")
    record = Record(path, HEADER, step=0)
    for step in (0, 10, 20):
        record.write(f"{step} x")
    return path


def test_a_continued_run_cuts_what_came_after_its_step(path: Path) -> None:
    Record(path, HEADER, step=10).write("20 y")
    assert path.read_text() == HEADER + "0 x\n10 x\n20 y\n"


def test_a_line_that_a_kill_cut_off_goes(path: Path) -> None:
    with path.open("a") as file:
        file.write("3")  # of "30 x"
    Record(path, HEADER, step=40).write("50 x")
    assert path.read_text() == HEADER + "0 x\n10 x\n20 x\n50 x\n"


def test_a_kill_while_lines_are_cut_loses_none(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = path.read_text()

    def killed(self: Path, target: Path) -> Path:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", killed)
    with pytest.raises(KeyboardInterrupt):
        Record(path, HEADER, step=10)
    assert path.read_text() == before


def test_a_new_run_keeps_the_old_file(path: Path) -> None:
    before = path.read_text()
    Record(path, HEADER, step=0)
    assert path.read_text() == HEADER
    assert path.with_name("#out.moe_ledger#0#").read_text() == before


def test_another_file_of_that_name_is_refused(path: Path) -> None:
    path.write_text("some notes\n")
    with pytest.raises(LedgerError, match="move it away"):
        Record(path, HEADER, step=10)
