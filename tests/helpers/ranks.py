"""Start programs on MPI ranks."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
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


def differences(ranks: int, config: str | Path, folder: Path, *only: str) -> dict[str, list[float]]:
    """Between ranks and one process, by the name of the structure.

    Of energies (eV), energies of atoms, forces (eV/A) and virials (eV); see ``tests/lammps/parity.py``.
    """
    done = on_ranks(ranks, "tests.lammps.parity", config, *only, cwd=folder)
    assert done.returncode == 0, done.stderr
    rows = [line.split("\t") for line in done.stdout.splitlines() if "\t" in line]
    return {name: [float(number) for number in numbers] for name, *numbers in rows}


def lammps_driver(case: Case, ranks: int, *arguments: str) -> AbstractContextManager[subprocess.Popen[str]]:
    """``moe-ipi driver --engine lammps`` for the case's i-PI."""
    driver = (sys.executable, "-m", "moe_ipi.cli", "driver", "--engine", "lammps", "-c", "moe.toml")
    where = ("--template", "init.xyz", "-u", "-a", case.name, *arguments)
    return process(MPIEXEC, "-n", str(ranks), *driver, *where, cwd=case.folder)


def ranks_in(folder: Path) -> list[int]:
    """Live ranks that work in a folder."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            command = (entry / "cmdline").read_bytes().decode().split("\0")
            if "moe_ipi.cli" in command and str(MPIEXEC) not in command and (entry / "cwd").samefile(folder):
                found.append(int(entry.name))
        except OSError:
            continue
    return sorted(found)


@contextmanager
def script_on_ranks(ranks: int, script: Path, *options: str) -> Iterator[subprocess.Popen[str]]:
    """``moe-ipi lammps run`` that goes on; nothing of it outlives the block."""
    command = (sys.executable, "-m", "moe_ipi.cli", "lammps", "run", script.name, "-c", "moe.toml", *options)
    try:
        with process(MPIEXEC, "-n", str(ranks), *command, cwd=script.parent) as child:
            yield child
    finally:
        for pid in ranks_in(script.parent):
            os.kill(pid, signal.SIGKILL)
