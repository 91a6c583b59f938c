"""What bulk experts of different size err and cost: the front from which the shipped one was chosen.

    python front.py outputs/bulk outputs/bulk-* [--complex outputs/complex] [--csv curves/front.csv]

For each training (its ``best.ckpt``): root-mean-square errors of force components (meV/A) on the Pt frames of a
labelled set, crystals and surfaces apart, and the time per atom (us) of the compiled expert in a displaced crystal of
864 atoms, one thread, at the number of edges per call at which it is fastest.  The experts are timed in turn.
"""

from __future__ import annotations

import argparse
import csv
import os
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from ase import Atoms
from ase.build import bulk
from ase.io import read
from rich.progress import track
from vesin import NeighborList

from moe_ipi import MoEPotential
from moe_ipi.config import ComputeConfig, ModelExpert
from moe_ipi.experts.environments import Environments, evaluate_in_chunks
from moe_ipi.experts.loading import load_expert
from moe_ipi.threads import set_threads

LATTICE_PARAMETER = 3.977
#: Edges handed to an expert at once.
CHUNKS = (1000, 2000, 4000, 8000, 16000, 100_000)
REPEATS = 5


def potential_of(run: Path) -> MoEPotential:
    """The compiled expert of a training, twice."""
    expert = load_expert(
        ModelExpert(path=(run / "best.ckpt").resolve()), ComputeConfig(compile=True, threads=1), name="bulk"
    )
    return MoEPotential(expert, expert, ["Pt"])


def errors(potential: MoEPotential, frames: list[Atoms]) -> tuple[float, float]:
    """On crystals and on surfaces, meV/A."""
    sums = np.zeros((2, 2))
    for frame in frames:
        potential = potential.with_species(frame.get_chemical_symbols())
        found = potential.evaluate(frame.positions[None], frame.cell.array[None], None, frame.pbc, "bulk").forces[0]
        surface = int(not frame.info["trajectory"].startswith("bulk"))
        sums[surface] += ((found - frame.get_forces()) ** 2).sum(), found.size
    crystals, surfaces = 1000 * np.sqrt(sums[:, 0] / sums[:, 1])
    return float(crystals), float(surfaces)


def environments(cutoff: float) -> Environments:
    """Of every atom of a displaced crystal."""
    atoms = bulk("Pt", "fcc", LATTICE_PARAMETER, cubic=True).repeat(6)
    atoms.positions += np.random.default_rng(1).normal(0, 0.05, (len(atoms), 3))
    lists = NeighborList(cutoff=cutoff, full_list=True, sorted=True)
    centers, vectors = lists.compute(points=atoms.positions, box=atoms.cell.array, periodic=True, quantities="iD")
    types = np.zeros(len(atoms), np.int64)
    return Environments(vectors, centers.astype(np.int64), types, np.zeros(len(centers), np.int64))


def costs(potentials: list[MoEPotential]) -> list[tuple[float, int]]:
    """Time per atom (us) and number of edges at once, of the fastest."""
    experts = [potential.bulk for potential in potentials]
    inputs = [environments(expert.cutoff) for expert in experts]
    seconds = np.full((len(experts), len(CHUNKS), REPEATS + 1), np.inf)
    for turn in range(REPEATS + 1):
        for k, (expert, whole) in enumerate(zip(experts, inputs, strict=True)):
            for c, size in enumerate(CHUNKS):
                start = time.perf_counter()
                evaluate_in_chunks(expert, whole, size)
                # The first turn warms up.
                seconds[k, c, turn] = time.perf_counter() - start if turn else np.inf
    medians = np.median(seconds[:, :, 1:], axis=2)
    best = medians.argmin(axis=1)
    return [(1e6 * float(medians[k, c]) / len(inputs[k].center_types), CHUNKS[int(c)]) for k, c in enumerate(best)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", type=Path, nargs="+", help="folders of trainings")
    parser.add_argument("--complex", type=Path, help="folder of the complex expert's training, for the ratio of costs")
    parser.add_argument("--labels", type=Path, default=Path("data/test-pt.xyz"))
    parser.add_argument("--csv", type=Path)
    args = parser.parse_args()
    frames = read(args.labels, index=":")
    runs = [*args.runs, *([args.complex] if args.complex else [])]
    potentials = [potential_of(run) for run in track(runs, "compiling", transient=True)]
    set_threads(1)
    prices = costs(potentials)
    rows = []
    for run, potential, (price, chunk) in zip(runs, potentials, prices, strict=True):
        crystals, surfaces = errors(potential, frames)
        ratio = f"{prices[-1][0] / price:.1f}" if args.complex else ""
        cutoff = f"{potential.bulk.cutoff:.1f}"
        rows.append((run.name, cutoff, f"{crystals:.1f}", f"{surfaces:.1f}", f"{price:.1f}", chunk, ratio))
    header = ("training", "cutoff", "crystals", "surfaces", "us_per_atom", "edges_at_once", "complex_over_this")
    for row in (header, *rows):
        print("  ".join(f"{value!s:>18}" for value in row))
    if args.csv:
        args.csv.parent.mkdir(parents=True, exist_ok=True)
        with open(args.csv, "w", newline="") as file:
            csv.writer(file).writerows([header, *rows])


if __name__ == "__main__":
    main()
