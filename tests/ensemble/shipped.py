"""The shipped pair, CO on Pt(111), 38 atoms, 300 K: what reassignments book, and what an update costs.

    python -m tests.ensemble.shipped FOLDER [--steps 16000]

By rules and drawn, in segments of 10 steps of 1 fs with compiled experts; then 600 steps in segments of 10 and of 600,
whose CPU times differ by the cost of 59 updates.
"""

from __future__ import annotations

import argparse
import resource
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.build import add_adsorbate, fcc111

from moe_ipi import load_config, pretrained
from moe_ipi.config import ModelExpert
from moe_ipi.ledger import read_ledger, summary
from tests.helpers import inputs
from tests.helpers.case import Case
from tests.helpers.configs import models
from tests.helpers.moe_ipi_run import run_to_end

#: Radii, A, by kind of reassignment.
RADII = {"gibbs": (4.0, 5.0), "rules": (4.5, 5.0)}
#: Steps that are left out of the calibration.
START = 2000


def run(folder: Path, kind: str, *, steps: int, segment: int) -> Path:
    """Run it; returns the ledger."""
    atoms = fcc111("Pt", (3, 3, 4), a=3.975, vacuum=7.0, periodic=True)
    add_adsorbate(atoms, Atoms("CO", positions=[[0, 0, 0], [0, 0, 1.17]]), 1.45, "bridge")
    shipped = load_config(pretrained("pt-co")).experts.complex
    assert isinstance(shipped, ModelExpert)
    inner, outer = RADII[kind]
    config = (
        models(shipped.path, "complex", "bulk")
        + f'[regions]\nradius_in = {inner}\nradius_out = {outer}\n[[regions.rules]]\ntype = "species"\n'
        + f'species = ["C", "O"]\n[segments]\nreassignment = "{kind}"\nsegment_steps = {segment}\n'
        + "[compute]\ncompile = true\nthreads = 1\n"
    )
    case = Case.create(folder, config, atoms)
    case.write(
        inputs.simulation(
            inputs.system(inputs.dynamics("nvt", 1.0, inputs.thermostat("langevin", 100)), beads=1, temperature=300),
            fields=case.ffsocket(),
            steps=steps,
            properties="step, conserved{electronvolt}, temperature{kelvin}, potential{electronvolt}, moe_n_complex",
            trajectories={},
            stride=5,
            checkpoint=10,
            overwrite=True,
            seed=11,
        )
    )
    run_to_end(case, seconds=3600.0 + steps)
    return folder / "out.moe_ledger"


def cpu() -> float:
    """Seconds of all children that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--steps", type=int, default=16_000)
    args = parser.parse_args()
    args.folder.mkdir(exist_ok=True, parents=True)
    for kind in RADII:
        lines = read_ledger(run(args.folder / kind, kind, steps=args.steps, segment=10))
        print(f"{kind}:", *summary(lines))
        drawn = [line for line in lines if line.step > START and "expected" in line.named]
        if drawn:
            off = np.array([line.n_complex - float(line.named["expected"]) for line in drawn])
            variance = np.array([float(line.named["variance"]) for line in drawn])
            z, spread = off.sum() / np.sqrt(variance.sum()), (off**2 / variance).mean()
            print(f"z {z:+.2f}, variance {spread:.2f} ({len(drawn)} updates)")
    seconds = []
    for segment in (10, 600):
        before = cpu()
        run(args.folder / f"cost-{segment}", "gibbs", steps=600, segment=segment)
        seconds.append(cpu() - before)
    update, step = (seconds[0] - seconds[1]) / 59, seconds[1] / 600
    print(f"an update: {1000 * update:.1f} ms of CPU time, {update / (100 * step):.2%} of 100 steps (start included)")


if __name__ == "__main__":
    main()
