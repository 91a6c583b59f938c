"""(h) From the start of a driver to its first answer."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import uuid
from pathlib import Path

import numpy as np
from ase.calculators.socketio import SocketServer

from benchmarks.harness import Settings, Table
from benchmarks.simulations import moe_toml
from benchmarks.systems import REPEATS, crystal, sphere
from moe_ipi import load_config
from moe_ipi.structure import write_ipi_xyz


def run(settings: Settings) -> list[Table]:
    """Seconds from ``moe-ipi driver`` to the answer to the first structure (500 atoms, 5 % complex)."""
    table = Table(
        "startup",
        "Seconds from the start of a driver to its first answer (500 atoms, 5 % complex)",
        ["", "s", "import of torch alone, s"],
        note="Empty cache (--full only): both models are compiled, and their chunks measured. Ready cache: after that, "
        "or after moe-ipi compile.",
    )
    config = load_config(settings.config)
    atoms = crystal(config, REPEATS[500])
    folder = settings.scratch / "startup"
    folder.mkdir(parents=True)
    write_ipi_xyz(folder / "init.xyz", atoms.get_chemical_symbols(), atoms.positions, atoms.cell.array.T, "angstrom")
    toml = moe_toml(folder / "moe.toml", config, sphere(atoms, 0.05), settings.threads)
    if settings.full:
        empty = {"MOE_IPI_CACHE_DIR": str(folder / "cache")}
        table.rows.append(["empty cache", _first_answer(folder, toml, atoms, empty), _imports()])
    _first_answer(folder, toml, atoms, {})  # so that it is ready
    times = [_first_answer(folder, toml, atoms, {}) for _ in range(settings.turns)]
    table.rows.append(["ready cache", float(np.median(times)), _imports()])
    return [table]


def _first_answer(folder: Path, toml: Path, atoms, environment: dict[str, str]) -> float:
    name = f"bench-{uuid.uuid4().hex[:10]}"
    command = [
        Path(sys.executable).with_name("moe-ipi"),
        "driver",
        "-c",
        toml,
        "--template",
        "init.xyz",
        "-u",
        "-a",
        name,
    ]
    server = SocketServer(unixsocket=name, timeout=1800)
    with (folder / f"{name}.log").open("w") as log:
        start = time.perf_counter()
        child = subprocess.Popen(
            [str(word) for word in command],
            cwd=folder,
            env=os.environ | {"OMP_NUM_THREADS": "1"} | environment,
            stdout=log,
            stderr=log,
        )
        try:
            server.calculate(atoms)
            return time.perf_counter() - start
        finally:
            server.close()
            child.terminate()
            child.wait()


def _imports() -> float:
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import torch"], check=True, stderr=subprocess.DEVNULL)
    return time.perf_counter() - start
