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

from moe_ipi.ledger import mean_and_error
from tests.ensemble.runs import BINS, Samples, calibration, reference_samples, run_samples, variation

#: Name in the table, kind, beads, steps of a segment, seed.
RUNS = (
    ("gibbs, 5 steps", "gibbs", 1, 5, 100),
    ("gibbs, 50 steps", "gibbs", 1, 50, 101),
    ("gibbs, 50 steps, again", "gibbs", 1, 50, 301),
    ("gibbs, 50 steps, again", "gibbs", 1, 50, 302),
    ("rules, 5 steps", "rules", 1, 5, 102),
    ("rules, 50 steps", "rules", 1, 50, 103),
    ("gibbs, 4 beads, 10 steps", "gibbs", 4, 10, 104),
    ("rules, 4 beads, 10 steps", "rules", 4, 10, 105),
)
#: Those of the picture, with their colours.
SHOWN = {0: "C0", 1: "C1", 4: "C3", 5: "C4"}
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
    _, kind, beads, segment, seed = RUNS[number]
    path = folder / f"run-{kind}-{beads}-{segment}-{seed}.npz"
    if not path.is_file():
        run_samples(folder / path.stem, kind, beads=beads, segment=segment, steps=steps, seed=seed).save(path)
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
    for number, (name, kind, beads, _, _) in enumerate(RUNS):
        reference, run = _reference(folder, beads, steps), _run(folder, number, steps)
        (e, de), (e0, de0) = mean_and_error(run.potential), mean_and_error(reference.potential)
        (n, dn), (n0, dn0) = mean_and_error(run.number), mean_and_error(reference.number)
        jump, error = mean_and_error(run.jumps)
        scores = "| - | - |" if kind == "rules" else "| {:+.2f} | {:.3f} |".format(*calibration(run))
        lines.append(
            f"| {name} | {1e3 * (e - e0):+.1f} +- {1e3 * np.hypot(de, de0):.1f} | {n:.3f} +- {dn:.3f} "
            f"| {n0:.3f} +- {dn0:.3f} | {'{:.4f} ({:.4f})'.format(*variation(run, reference))} "
            f"| {1e3 * jump:+.3f} +- {1e3 * error:.3f} {scores}"
        )
    return "\n".join(lines)


def draw(folder: Path, steps: int, path: Path) -> None:
    """Distances of the runs with one bead; number of complex atoms and potential of all against their reference."""
    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(
        1, 3, figsize=(12, 3.6), layout="constrained", gridspec_kw={"width_ratios": [2, 1, 1]}
    )
    centers, width = (BINS[1:] + BINS[:-1]) / 2, BINS[1] - BINS[0]
    axes[0].fill_between(
        centers, _reference(folder, 1, steps).histogram() / width, color="0.85", label="independent run on E_eff"
    )
    for number, color in SHOWN.items():
        density = _run(folder, number, steps).histogram() / width
        axes[0].plot(centers, density, color=color, linewidth=1.2, label=f"{RUNS[number][0]} a segment")
    axes[0].set(xlabel="distance C-Pt (Å)", ylabel="density (1/Å)")
    axes[0].legend(fontsize=8)
    for axis, quantity, scale in ((axes[1], "number", 1.0), (axes[2], "potential", 1000.0)):
        for number, (_, kind, beads, _, _) in enumerate(RUNS):
            found, expected = (
                mean_and_error(getattr(each, quantity))
                for each in (_run(folder, number, steps), _reference(folder, beads, steps))
            )
            error = scale * np.hypot(found[1], expected[1])
            color = "C0" if kind == "gibbs" else "C3"
            axis.errorbar(scale * (found[0] - expected[0]), -number, xerr=error, fmt="o", color=color, capsize=3)
        axis.axvline(0, color="0.6", linewidth=0.8)
    names = [name for name, *_ in RUNS]
    axes[1].set_yticks(-np.arange(len(RUNS)), names)
    axes[2].set_yticks(-np.arange(len(RUNS)), [])
    axes[1].set(xlabel="complex atoms - reference")
    axes[2].set(xlabel="potential - reference (meV)")
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
    jobs = [(args.folder, number, args.steps) for number in (-1, -4, *range(len(RUNS)))]
    with Pool(args.workers) as pool:
        pool.map(_job, jobs, chunksize=1)
    print(table(args.folder, args.steps))
    if args.picture:
        draw(args.folder, args.steps, args.picture)


if __name__ == "__main__":
    main()
