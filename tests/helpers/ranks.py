"""Start programs on MPI ranks."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import AbstractContextManager
from pathlib import Path

from tests.helpers.case import Case
from tests.helpers.processes import ROOT, TIMEOUT, process

MPIEXEC = Path(sys.executable).with_name("mpiexec")


def on_ranks(ranks: int, *arguments: str | Path, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """``mpiexec -n RANKS python -m ...`` to its end, however it ends."""
    command = [str(MPIEXEC), "-n", str(ranks), sys.executable, "-m", *map(str, arguments)]
    env = os.environ | {"PYTHONPATH": str(ROOT)} | environment
    return subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, timeout=TIMEOUT)


def run_script(
    ranks: int, script: Path, *options: str, config: str = "moe.toml", **environment: str
) -> subprocess.CompletedProcess[str]:
    """``moe-ipi lammps run`` in the folder of the script."""
    arguments = ("moe_ipi.cli", "lammps", "run", script.name, "-c", config, *options)
    return on_ranks(ranks, *arguments, cwd=script.parent, **environment)


def lammps_driver(case: Case, ranks: int, *arguments: str) -> AbstractContextManager[subprocess.Popen[str]]:
    """``moe-ipi driver --engine lammps`` for the case's i-PI."""
    driver = (sys.executable, "-m", "moe_ipi.cli", "driver", "--engine", "lammps", "-c", "moe.toml")
    where = ("--template", "init.xyz", "-u", "-a", case.name, *arguments)
    return process(MPIEXEC, "-n", str(ranks), *driver, *where, cwd=case.folder)
