"""Errors of the pair on the trajectories held out for testing.

    python evaluate.py --data data [--config moe.toml] [--json errors.json]

Prints, for each kind of structure, the root-mean-square error of force components (meV/A), the RMS of
the labels' force components, their ratio, and the error of the energy per atom (meV).
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.io import read
from rich.console import Console
from rich.progress import track
from rich.table import Table

from moe_ipi import MoEPotential, load_config, pretrained
from moe_ipi.regions.partitioner import Partitioner


def errors(label: str, frames: list[Atoms], potential: MoEPotential, assign) -> list[dict]:
    """One row per kind of structure and one for all frames; ``assign`` gives the mask of a frame."""
    kinds: dict[str, list[tuple[float, float, int, float]]] = defaultdict(list)
    for frame in track(frames, description=label, transient=True):
        potential = potential.with_species(frame.get_chemical_symbols())
        out = potential.evaluate(frame.positions[None], frame.cell.array[None], assign(frame))
        reference = frame.get_forces()
        sums = (
            float(((out.forces[0] - reference) ** 2).sum()),
            float((reference**2).sum()),
            reference.size,
            (out.energies[0] - frame.get_potential_energy()) / len(frame),
        )
        for kind in ("all", frame.info["trajectory"].rsplit("-", 1)[0]):
            kinds[kind].append(sums)
    rows = []
    for kind, values in kinds.items():
        error, square, number, energy = np.array(values).T
        rows.append(
            {
                "model": label,
                "structures": kind,
                "frames": len(values),
                "force_rmse_meV_per_A": 1000 * float(np.sqrt(error.sum() / number.sum())),
                "rms_force_meV_per_A": 1000 * float(np.sqrt(square.sum() / number.sum())),
                "relative_percent": 100 * float(np.sqrt(error.sum() / square.sum())),
                "energy_rmse_meV_per_atom": 1000 * float(np.sqrt(np.mean(energy**2))),
            }
        )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path("data"))
    parser.add_argument("--config", type=Path, default=pretrained("pt-co"))
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    config = load_config(args.config)
    sets = {name: read(args.data / f"test-{name}.xyz", index=":") for name in ("co", "pt")}
    potential = MoEPotential.from_config(config, ["Pt"])

    def everywhere(value: bool):
        return lambda frame: np.full(len(frame), value)

    def by_rules(frame: Atoms) -> np.ndarray:
        partitioner = Partitioner(config.regions, frame.get_chemical_symbols())
        return partitioner.assign(frame.positions, frame.cell.array, frame.pbc)

    rows = [
        *errors("complex on Pt+CO", sets["co"], potential, everywhere(True)),
        *errors("MoE on Pt+CO", sets["co"], potential, by_rules),
        *errors("complex on Pt", sets["pt"], potential, everywhere(True)),
        *errors("bulk on Pt", sets["pt"], potential, everywhere(False)),
    ]
    table = Table("model", "structures", "frames", "RMSE F, meV/A", "RMS F", "relative, %", "RMSE E, meV/atom")
    for row in rows:
        table.add_row(*(f"{v:.1f}" if isinstance(v, float) else str(v) for v in row.values()))
    Console().print(table)
    if args.json:
        args.json.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
