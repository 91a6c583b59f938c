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

from driver_runs import Case, process, wait_until


@contextmanager
def run(case: Case, *arguments: str | Path) -> Iterator[Popen[str]]:
    """``moe-ipi run ...`` in the folder of the case; nothing of it outlives the block."""
    with process(sys.executable, "-m", "moe_ipi.cli", "run", *arguments, cwd=case.folder) as parent:
        try:
            yield parent
        finally:
            if parent.poll() is None:
                for pid in children(case):
                    os.kill(pid, signal.SIGKILL)
    Path(case.unix.path).unlink(missing_ok=True)


def children(case: Case, module: str = "") -> list[int]:
    """Live processes that run in the folder of the case and are children of ``moe-ipi run``."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            command = (entry / "cmdline").read_bytes().decode().split("\0")
            here = (entry / "cwd").samefile(case.folder)
        except OSError:
            continue
        if here and "-P" in command and any(part.startswith(f"moe_ipi.{module}") for part in command):
            found.append(int(entry.name))
    return sorted(found)


def wait_for_steps(case: Case, child: Popen[str], step: int) -> None:
    """Wait until i-PI has written the output of a step."""

    def done() -> bool:
        assert child.poll() is None, child.log.read_text()
        return bool(steps(case)) and steps(case)[-1] >= step

    wait_until(done, 60.0)


def steps(case: Case) -> list[int]:
    """The steps in i-PI's output."""
    path = case.folder / "out.props"
    lines = path.read_text().splitlines() if path.exists() else []
    return [int(float(line.split()[0])) for line in lines if line.strip() and not line.startswith("#")]


def step_of_restart(case: Case) -> int:
    found = re.search(r"<step>\s*(\d+)", (case.folder / "RESTART").read_text())
    return int(found.group(1)) if found else 0


def assert_one_error(output: str, message: str) -> None:
    errors = [line for line in output.splitlines() if line.startswith("moe-ipi: error:")]
    assert len(errors) == 1 and message in errors[0], output
    assert "Traceback" not in output
