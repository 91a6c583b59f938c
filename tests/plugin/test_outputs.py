"""What is cut from i-PI's files when an older checkpoint is continued."""

from __future__ import annotations

from pathlib import Path

import pytest

from moe_ipi.plugin.outputs import Trimmer, first_beyond

HEADER = "# column   1     --> step : The current simulation time step.\n# column   2     --> potential : .\n"
ROWS = [f"  {k}.00000000000000000e+00    -1.{k}e+01   \n" for k in range(5)]


def frame(step: int, natoms: int = 2) -> str:
    lines = [f"{natoms}", f"# CELL(abcABC): 9 9 9 90 90 90  Traj: positions{{angstrom}} Step:  {step}  Bead:  0 "]
    return "\n".join([*lines, *(f"Pt {k} {step} 0" for k in range(natoms))]) + "\n"


def extras(step: int) -> str:
    return f" #EXTRAS(moe_assignment)# Step:  {step:10d} \n  1 0 \n"


CONTENTS = {
    "properties": (HEADER, ROWS),
    "xyz": ("", [frame(k) for k in range(5)]),
    "extras": ("", [extras(k) for k in range(5)]),
}


@pytest.mark.parametrize("kind", CONTENTS)
@pytest.mark.parametrize("step", [0, 2, 4])
@pytest.mark.parametrize("torn", [0, 7])
def test_rows_beyond_the_step_go(tmp_path: Path, kind: str, step: int, torn: int) -> None:
    head, rows = CONTENTS[kind]
    path = tmp_path / "out"
    whole = head + "".join(rows)
    path.write_text(whole + (rows[-1][:torn] if torn else ""))
    notes: list[str] = []
    Trimmer(step, notes.append)(path)
    assert path.read_text() == head + "".join(rows[: step + 1])
    cut = step < 4 or torn > 0
    assert len(notes) == cut
    if cut:
        kept = tmp_path / "#out#0#"
        assert path.read_text() + kept.read_text() == whole + (rows[-1][:torn] if torn else "")


def test_a_long_file_that_needs_no_cut_is_not_read_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("moe_ipi.plugin.outputs._TAIL", 100)
    path = tmp_path / "out"
    path.write_text(HEADER + "".join(ROWS))
    assert first_beyond(path, 4) is None
    assert first_beyond(path, 3) == path.read_text().index(ROWS[4])


def test_a_file_that_does_not_say_its_steps_is_left_alone_and_named(tmp_path: Path) -> None:
    silent, told = tmp_path / "out.bin", tmp_path / "out.props"
    silent.write_bytes(bytes(range(256)) * 4)
    told.write_text(HEADER + "".join(ROWS))
    notes: list[str] = []
    for step in (4, 2):
        trimmer = Trimmer(step, notes.append)
        trimmer(silent)
        trimmer(told)
        trimmer.report()
    assert silent.read_bytes() == bytes(range(256)) * 4
    assert len(notes) == 2 and "out.bin: what is beyond step 2 there stays" in notes[1]


def test_files_that_are_not_there_or_empty(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    for name in ("none", "empty"):
        Trimmer(3, pytest.fail)(tmp_path / name)
