"""The file that a message names is one that works."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from moe_ipi.run.restarts import newest_usable, read_restart


def restart(path: Path, step: int, parameters: str = "{ moe_token: one }", age: int = 0) -> Path:
    path.write_text(
        f"<!--\n i-PI\n-->\n<simulation><step>{step}</step><ffsocket><parameters>{parameters}</parameters></ffsocket>"
        "</simulation>"
    )
    os.utime(path, (1e9 - age, 1e9 - age))
    return path


def test_the_most_steps_win(tmp_path: Path) -> None:
    restart(tmp_path / "RESTART", 12)
    restart(tmp_path / "out.chk_1", 20)
    restart(tmp_path / "out.chk_0", 10)
    restart(tmp_path / "other.chk_9", 90)
    found = newest_usable(tmp_path, "out")
    assert found is not None and (found.path.name, found.step) == ("out.chk_1", 20)


def test_of_two_with_one_step_the_younger(tmp_path: Path) -> None:
    restart(tmp_path / "RESTART", 20, age=10)
    restart(tmp_path / "out.chk", 20, age=0)
    found = newest_usable(tmp_path, "out")
    assert found is not None and found.path.name == "out.chk"


@pytest.mark.parametrize(
    "content", ["", "<simulation><step>30</step>", "<input/>", "<simulation><step>x</step></simulation>"]
)
def test_what_is_cut_short_or_foreign_is_not_named(tmp_path: Path, content: str) -> None:
    restart(tmp_path / "out.chk_0", 10)
    (tmp_path / "out.chk_1").write_text(content)
    (tmp_path / "out.props").write_text("# step\n")
    assert read_restart(tmp_path / "out.chk_1") is None
    found = newest_usable(tmp_path, "out")
    assert found is not None and found.step == 10


def test_what_was_refused_is_not_named_nor_its_copies(tmp_path: Path) -> None:
    bad = restart(tmp_path / "RESTART", 30, "{ moe_token: damaged }")
    restart(tmp_path / "out.chk_2", 30, "{ moe_token: damaged }")
    restart(tmp_path / "out.chk_1", 20)
    found = newest_usable(tmp_path, "out", refused=bad)
    assert found is not None and found.path.name == "out.chk_1"
    assert newest_usable(tmp_path, "nothing", refused=bad) is None
