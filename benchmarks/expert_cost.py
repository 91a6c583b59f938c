"""What the experts cost, side by side in one process.

    python benchmarks/expert_cost.py [--config moe.toml] [--eager] [--repeat 6]

Crystalline Pt, rattled, one thread.  Times the complex expert on every atom, the bulk expert on every
atom, and MoE with a spherical region of 5 % of the atoms, in turn, and prints medians of ratios taken
within each turn: absolute times drift with the machine, ratios do not.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
from ase.build import bulk
from rich.console import Console
from rich.table import Table

from moe_ipi import MoEPotential, load_config, pretrained
from moe_ipi.threads import set_threads


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", type=Path, default=pretrained("pt-co"))
    parser.add_argument("--eager", action="store_true", help="do not compile the experts")
    parser.add_argument("--repeat", type=int, default=6, help="cells along each axis (4 atoms a cell)")
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()

    set_threads(args.threads)
    atoms = bulk("Pt", a=3.977, cubic=True).repeat(args.repeat)
    atoms.rattle(0.05, seed=0)
    n = len(atoms)
    distances = atoms.get_distances(0, np.arange(n), mic=True)
    region = np.zeros(n, bool)
    region[np.argsort(distances)[: round(0.05 * n)]] = True
    masks = {"complex on all": np.ones(n, bool), "bulk on all": np.zeros(n, bool), "MoE, 5 % complex": region}

    potential = MoEPotential.from_config(load_config(args.config), ["Pt"] * n, compile=not args.eager)
    seconds: dict[str, list[float]] = {name: [] for name in masks}
    for turn in range(args.turns + 2):
        for name, mask in masks.items():
            start = time.perf_counter()
            potential.evaluate(atoms.positions[None], atoms.cell.array[None], mask)
            if turn >= 2:  # the first two turns warm up
                seconds[name].append(time.perf_counter() - start)
    reference = np.array(seconds["complex on all"])
    table = Table(title=f"{n} Pt atoms, {'eager' if args.eager else 'AOTInductor'}, {args.threads} thread(s)")
    for column in ("", "ms, median", "us per atom", "complex on all is slower by"):
        table.add_column(column, justify="left" if not column else "right")
    for name, values in seconds.items():
        middle = float(np.median(values))
        ratio = float(np.median(reference / np.array(values)))
        table.add_row(name, f"{1e3 * middle:.1f}", f"{1e6 * middle / n:.1f}", f"{ratio:.1f} x")
    Console().print(table)


if __name__ == "__main__":
    main()
