"""(f) Time and memory against the number of atoms, each in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from benchmarks.harness import Settings, Table
from benchmarks.simulations import ROOT
from benchmarks.systems import REPEATS, crystal, sphere
from moe_ipi import MoEPotential, load_config
from moe_ipi.threads import set_threads

KINDS = {"complex": None, "both": 0.05}


def run(settings: Settings) -> list[Table]:
    """Time per atom and peak memory of the full expert and of both (5 % complex)."""
    table = Table(
        "growth",
        "Growth with the number of atoms",
        ["atoms", "full, us per atom", "both, us per atom", "full, peak MB", "both, peak MB", "at rest, MB"],
        note="One evaluation after another of the same size; both: 5 % complex. At rest: with the experts loaded.",
    )
    sizes = REPEATS if settings.full else {n: REPEATS[n] for n in (500, 2_048, 8_192)}
    for n, repeat in sizes.items():
        found = {kind: _measure(settings, kind, repeat) for kind in KINDS}
        full, both = found["complex"], found["both"]
        table.rows.append(
            [n, 1e6 * full["seconds"] / n, 1e6 * both["seconds"] / n, full["peak"], both["peak"], full["rest"]]
        )
    return [table]


def _measure(settings: Settings, kind: str, repeat: tuple[int, int, int]) -> dict[str, float]:
    arguments = [str(settings.config), kind, json.dumps(repeat), str(settings.threads)]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.growth", *arguments], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return dict(json.loads(done.stdout.splitlines()[-1]))


def main(path: str, kind: str, repeat: str, threads: str) -> None:
    """One point, printed as JSON: seconds of an evaluation, peak and resting memory in MB."""
    set_threads(int(threads))
    config = load_config(path)
    atoms = crystal(config, tuple(json.loads(repeat)))
    potential = MoEPotential.from_config(config, atoms.get_chemical_symbols(), compile=True)
    rest = _memory()
    fraction = KINDS[kind]
    mask = np.ones(len(atoms), bool) if fraction is None else sphere(atoms, fraction)
    times = []
    for _ in range(2):
        start = time.perf_counter()
        potential.evaluate(atoms.positions[None], atoms.cell.array[None], mask)
        times.append(time.perf_counter() - start)
    print(json.dumps({"seconds": times[-1], "peak": _memory(), "rest": rest}))


def _memory() -> float:
    """Largest resident size so far, MB; not from getrusage, where a child begins with what its parent had."""
    status = Path("/proc/self/status").read_text()
    return float(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) / 1e3


if __name__ == "__main__":
    main(*sys.argv[1:])
