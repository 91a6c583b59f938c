"""Runs of i-PI with reassignments against the ensemble they should sample: table and picture of docs/ensemble.md.

    python -m tests.ensemble.compare FOLDER [--steps 50000] [--picture docs/ensemble.png]

What FOLDER holds already is not run again.
"""

from __future__ import annotations

import argparse
import os
from multiprocessing import Pool
from pathlib import Path

import matplotlib
import numpy as np

from tests.ensemble.runs import BINS, Samples, calibration, mean, reference_samples, run_samples, variation

#: Name in the table, kind, beads, steps of a segment.
RUNS = (
    ("gibbs, 5 steps", "gibbs", 1, 5),
    ("gibbs, 50 steps", "gibbs", 1, 50),
    ("rules, 5 steps", "rules", 1, 5),
    ("rules, 50 steps", "rules", 1, 50),
    ("gibbs, 4 beads, 10 steps", "gibbs", 4, 10),
    ("rules, 4 beads, 10 steps", "rules", 4, 10),
)
#: How many times longer the reference runs than each run.
LONGER = 6


def _reference(folder: Path, beads: int, steps: int) -> Samples:
    """Of several trajectories."""
    path = folder / f"reference-{beads}.npz"
    if not path.is_file():
        parts = [reference_samples(beads, steps, seed) for seed in range(LONGER)]
        joined = {name: np.concatenate([getattr(part, name) for part in parts]) for name in vars(parts[0])}
        Samples(**joined).save(path)
    return Samples.load(path)


def _run(folder: Path, number: int, steps: int) -> Samples:
    _, kind, beads, segment = RUNS[number]
    path = folder / f"run-{kind}-{beads}-{segment}.npz"
    if not path.is_file():
        run_samples(folder / path.stem, kind, beads=beads, segment=segment, steps=steps, seed=100 + number).save(path)
    return Samples.load(path)


def _job(job: tuple[Path, int, int]) -> None:
    folder, number, steps = job
    if number < 0:
        _reference(folder, -number, steps)
    else:
        _run(folder, number, steps)


def table(folder: Path, steps: int) -> str:
    """In Markdown; in brackets the error of the last digits."""
    lines = [
        "| | potential - reference, meV | complex atoms | (reference) | distances: total variation (noise) "
        "| booked a reassignment, meV | z | variance of z |",
        "|---" * 8 + "|",
    ]
    for number, (name, kind, beads, _) in enumerate(RUNS):
        reference, run = _reference(folder, beads, steps), _run(folder, number, steps)
        (e, de), (e0, de0) = mean(run.potential), mean(reference.potential)
        (n, dn), (n0, dn0) = mean(run.number), mean(reference.number)
        jump, error = mean(run.jumps)
        scores = "| - | - |" if kind == "rules" else "| {:+.2f} | {:.3f} |".format(*calibration(run))
        lines.append(
            f"| {name} | {1e3 * (e - e0):+.1f} +- {1e3 * np.hypot(de, de0):.1f} | {n:.3f} +- {dn:.3f} "
            f"| {n0:.3f} +- {dn0:.3f} | {'{:.4f} ({:.4f})'.format(*variation(run, reference))} "
            f"| {1e3 * jump:+.3f} +- {1e3 * error:.3f} {scores}"
        )
    return "\n".join(lines)


def draw(folder: Path, steps: int, path: Path) -> None:
    """Distances and energy booked in the course of time."""
    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, (left, right) = pyplot.subplots(1, 2, figsize=(10, 3.6), layout="constrained")
    centers = (BINS[1:] + BINS[:-1]) / 2
    width = BINS[1] - BINS[0]
    reference = _reference(folder, 1, steps)
    left.fill_between(centers, reference.histogram() / width, color="0.85", label="reference (E_eff)")
    for number, (name, _, beads, _) in enumerate(RUNS):
        if beads > 1:
            continue
        run = _run(folder, number, steps)
        style = {"color": ("C0", "C1", "C3", "C4")[number], "linewidth": 1.2, "label": name}
        left.plot(centers, run.histogram() / width, **style)
        time = np.linspace(0, 0.5e-3 * steps, len(run.jumps))
        right.plot(time, np.cumsum(run.jumps), **style)
    left.set(xlabel="distance C-Pt (Å)", ylabel="density (1/Å)", title="where the atoms are")
    right.set(xlabel="time (ps)", ylabel="energy booked so far (eV)", title="what reassignments pump in")
    right.axhline(0, color="0.6", linewidth=0.8)
    left.legend(fontsize=8)
    figure.savefig(path, dpi=130)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--steps", type=int, default=50_000)
    parser.add_argument("--picture", type=Path)
    parser.add_argument("--workers", type=int, default=1)
    args = parser.parse_args()
    args.folder.mkdir(exist_ok=True, parents=True)
    # One thread each: the systems are tiny.
    os.environ["OMP_NUM_THREADS"] = "1"
    jobs = [(args.folder, number, args.steps) for number in (0, -1, 2, 1, 3, 4, -4, 5)]
    with Pool(args.workers) as pool:
        pool.map(_job, jobs, chunksize=1)
    print(table(args.folder, args.steps))
    if args.picture:
        draw(args.folder, args.steps, args.picture)


if __name__ == "__main__":
    main()
