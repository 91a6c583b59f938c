"""Start ``moe-ipi run`` and look at what it leaves."""

from __future__ import annotations

import os
import re
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import Popen

from tests.helpers.case import Case
from tests.helpers.processes import TIMEOUT, process, wait_for, wait_until


@contextmanager
def run(case: Case, input: str | Path = "input.xml", *arguments: str | Path) -> Iterator[Popen[str]]:
    """``moe-ipi run INPUT -c moe.toml ...`` in the folder of the case; nothing of it outlives the block."""
    command = (sys.executable, "-m", "moe_ipi.cli", "run", input, "-c", "moe.toml", *arguments)
    with process(*command, cwd=case.folder) as parent:
        try:
            yield parent
        finally:
            if parent.poll() is None:
                for pid in children(case):
                    os.kill(pid, signal.SIGKILL)
    Path(case.unix.path).unlink(missing_ok=True)


def run_to_end(case: Case, input: str | Path = "input.xml", *arguments: str | Path, seconds: float = TIMEOUT) -> str:
    """``moe-ipi run`` to its end; returns what it printed."""
    with run(case, input, *arguments) as parent:
        return wait_for(parent, seconds=seconds)


def children(case: Case, part: str = "") -> list[int]:
    """Live processes that run in the folder of the case and are children of ``moe-ipi run``.

    Args:
        case: the case.
        part: only those whose module begins so: ``"cli"`` are the drivers, ``"plugin"`` is i-PI.
    """
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            command = (entry / "cmdline").read_bytes().decode().split("\0")
            here = (entry / "cwd").samefile(case.folder)
        except OSError:
            continue
        if here and "-P" in command and any(word.startswith(f"moe_ipi.{part}") for word in command):
            found.append(int(entry.name))
    return sorted(found)


def steps(case: Case) -> list[int]:
    """The steps in i-PI's output."""
    path = case.folder / "out.props"
    lines = path.read_text().splitlines() if path.exists() else []
    return [int(float(line.split()[0])) for line in lines if line.strip() and not line.startswith("#")]


def wait_for_steps(case: Case, child: Popen[str], step: int) -> None:
    """Wait until i-PI has written the output of a step."""

    def done() -> bool:
        assert child.poll() is None, child.log.read_text()
        return bool(steps(case)) and steps(case)[-1] >= step

    wait_until(done, 60.0)


def end_with_all_drivers(case: Case, parent: Popen[str], drivers: int) -> tuple[str, int]:
    """Let an endless run end once every driver serves it, however late; returns its output and number of steps."""

    def serving() -> bool:
        assert parent.poll() is None, parent.log.read_text()
        logs = [path.read_text() for path in case.folder.glob("out.*driver-*.log")]
        return sum("assignment: " in log for log in logs) == drivers and bool(steps(case)) and steps(case)[-1] > 0

    wait_until(serving, 200.0)
    (case.folder / "EXIT").touch()
    return wait_for(parent), step_of_restart(case)


def step_of_restart(case: Case) -> int:
    """The steps that were done when i-PI wrote its RESTART."""
    found = re.search(r"<step>\s*(\d+)", (case.folder / "RESTART").read_text())
    return int(found.group(1)) if found else 0
