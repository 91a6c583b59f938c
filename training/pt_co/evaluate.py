"""Errors of the pair on its held-out frames, by kind of structure: the first table of the model card.

    python evaluate.py [--config moe.toml] [--labels test.xyz] [--radius 4.5] [--compile]

Root-mean-square errors of force components (meV/A) and of the energy per atom (meV) of the complex expert on
every atom, of MoE, and of the bulk expert on every atom; and MoE against the complex expert.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.io import read
from rich.progress import track

from moe_ipi import MoEPotential, load_config, pretrained
from moe_ipi.regions.partitioner import Partitioner

COLUMNS = (
    "structures",
    "frames",
    "RMS force",
    "complex",
    "MoE",
    "bulk",
    "MoE - complex",
    "energy, complex / MoE / bulk",
)


def sums(frame: Atoms, potential: MoEPotential, regions) -> np.ndarray:
    """Squares summed over a frame: labels, errors of the three, MoE - complex; energies; components and frames."""
    species = frame.get_chemical_symbols()
    potential = potential.with_species(species)
    mask = Partitioner(regions, species).assign(frame.positions, frame.cell.array, frame.pbc)
    outs = [
        potential.evaluate(frame.positions[None], frame.cell.array[None], assignment, frame.pbc)
        for assignment in (np.ones(len(frame), bool), mask, np.zeros(len(frame), bool))
    ]
    labels = frame.get_forces()
    forces = [out.forces[0] for out in outs]
    differences = [labels, *(f - labels for f in forces), forces[1] - forces[0]]
    energies = [(out.energies[0] - frame.get_potential_energy()) / len(frame) for out in outs]
    return np.array([*((d**2).sum() for d in differences), *np.square(energies), labels.size, 1.0])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", type=Path, default=pretrained("pt-co"))
    parser.add_argument("--labels", type=Path, help="default: validation.labels of the config")
    parser.add_argument("--radius", type=float, help="of the regions, A; default: radius_in of the config")
    parser.add_argument("--compile", action="store_true")
    args = parser.parse_args()
    config = load_config(args.config)
    regions = config.regions
    if args.radius is not None:
        regions = regions.model_copy(update={"radius": None, "radius_in": args.radius, "radius_out": args.radius})
    frames = read(args.labels or config.validation.labels, index=":")
    potential = MoEPotential.from_config(config, ["Pt"], compile=args.compile)
    kinds: dict[str, np.ndarray] = defaultdict(lambda: np.zeros(10))
    for frame in track(frames, transient=True):
        family = "Pt+CO" if "C" in frame.get_chemical_symbols() else "Pt"
        values = sums(frame, potential, regions)
        where = frame.info["trajectory"].rsplit("-", 1)[0]
        for kind in (family, f"{family}, {frame.info['kind']}", f"{family}: {where}"):
            kinds[kind] += values
    print("| " + " | ".join(COLUMNS) + " |\n|" + "---|" * len(COLUMNS))
    for kind, total in sorted(kinds.items()):
        rms, *errors = 1000 * np.sqrt(total[:5] / total[8])
        energies = " / ".join(f"{1000 * np.sqrt(e / total[9]):.1f}" for e in total[5:8])
        shown = [f"{e:.0f} ({100 * e / rms:.1f} %)" for e in errors]
        print(f"| {kind} | {total[9]:.0f} | {rms:.0f} | {' | '.join(shown)} | {energies} |")


if __name__ == "__main__":
    main()
