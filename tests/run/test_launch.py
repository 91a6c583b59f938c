"""What `moe-ipi run` does before anything is started, and what it says to continue."""

from __future__ import annotations

import io
import shlex
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from moe_ipi.run import launch
from moe_ipi.run.launch import run_simulation
from tests.helpers.case import Case


@pytest.fixture
def supervised(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The commands with which runs would be continued; nothing is started."""
    commands: list[str] = []

    class Supervisor:
        def __init__(self, *arguments: Any, **options: Any) -> None:
            pass

        def supervise(self, again: str) -> int:
            commands.append(again)
            return 0

    monkeypatch.setattr(launch, "Supervisor", Supervisor)
    return commands


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, []),
        ({"device": "cpu"}, ["--device", "cpu"]),
        ({"compile": True}, ["--compile"]),
        ({"compile": False, "device": "cuda:1"}, ["--device", "cuda:1", "--no-compile"]),
    ],
)
def test_the_command_that_continues_a_run(
    case: Case, supervised: list[str], options: dict[str, Any], words: list[str]
) -> None:
    """As it was given, and such that a shell reads it so."""
    config = case.folder / "my pair's moe.toml"
    (case.folder / "moe.toml").rename(config)
    assert run_simulation(case.write_input(case.ffsocket()), config, 3, **options) == 0
    (again,) = supervised
    assert shlex.split(again) == ["moe-ipi", "run", "RESTART", "-c", str(config), "-n", "3", *words]


def test_the_name_of_a_shipped_pair_stays(case: Case, supervised: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(case.folder)
    (case.folder / "pt-co").mkdir()
    run_simulation(case.write_input(case.ffsocket()), "pt-co")
    assert supervised == ["moe-ipi run RESTART -c pt-co -n 1"]


def test_without_drivers_their_commands_are_shown(case: Case, supervised: list[str]) -> None:
    folder = case.folder / "with a blank"
    folder.mkdir()
    (case.folder / "moe.toml").rename(folder / "moe.toml")
    out = io.StringIO()
    path = case.write_input(case.ffsocket())
    run_simulation(path, folder / "moe.toml", 0, compile=False, console=Console(file=out))
    (line,) = (line for line in out.getvalue().splitlines() if line.startswith("start drivers: "))
    words = shlex.split(line.removeprefix("start drivers: "))
    assert words[:4] == ["moe-ipi", "driver", "-c", str(folder / "moe.toml")]
    assert words[words.index("--template") + 1] == str(case.folder / "out.template.xyz")
    assert words[-1] == "--no-compile" and Path(words[words.index("--template") + 1]).is_file()


def test_when_this_process_was_started() -> None:
    code = "import time; time.sleep(0.5); from moe_ipi.run.processes import start_of_this_process as started\n"
    code += "print(time.monotonic() - started())"
    before = time.monotonic()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=100, check=True)
    assert 0.5 <= float(done.stdout) < time.monotonic() - before + 0.1
