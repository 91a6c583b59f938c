"""Sample Pt and Pt+CO structures by molecular dynamics.

    python generate.py --out data --workers 2        (resumes where it was stopped)

Platinum is moved by ASE's EMT in a cell scaled to EMT's lattice parameter and scaled back; CO on platinum
is moved by SevenNet-0.  One file a trajectory goes to ``OUT/unlabelled``; ``label.py`` comes next.
"""

from __future__ import annotations

import os
import zlib
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from ase import Atoms, units
from ase.md.langevin import Langevin
from ase.md.velocitydistribution import MaxwellBoltzmannDistribution
from frames import write_whole
from structures import A0, Start, chosen_starts
from teachers import TEACHERS, calculator
from workers import for_all, parser

#: Lattice parameter of fcc Pt in ASE's EMT, A.
A0_EMT = 3.9220


def sample(start: Start, rng: np.random.Generator, sampler: str) -> list[Atoms]:
    """Frames of a short Langevin trajectory from ``start``; the first frames are thermalising.

    At zero temperature: the structure itself, strained a little at random for each frame.
    """
    atoms = start.atoms.copy()
    if start.temperature == 0:
        frames = [atoms.copy() for _ in range(start.frames)]
        for frame in frames[1:]:
            strain = rng.uniform(-0.02, 0.02, (3, 3))
            frame.set_cell(frame.cell @ (np.eye(3) + 0.5 * (strain + strain.T)), scale_atoms=True)
        return frames
    if start.family == "pt":
        scale = A0_EMT / A0
        atoms.set_cell(atoms.cell * scale, scale_atoms=True)
        atoms.calc, stride, step = calculator("emt"), 60, 4.0
    else:
        scale = 1.0
        atoms.calc, stride, step = calculator(sampler), (14 if len(atoms) > 2 else 9), 1.5
    atoms.rattle(0.01, rng=rng)
    # Half of the kinetic energy of a structure started at a minimum goes into the potential.
    MaxwellBoltzmannDistribution(atoms, temperature_K=2 * start.temperature, rng=rng)
    dynamics = Langevin(atoms, step * units.fs, temperature_K=start.temperature, friction=0.01 / units.fs, rng=rng)
    frames = []
    for _ in range(start.frames):
        dynamics.run(stride)
        frame = Atoms(atoms.numbers, atoms.positions, cell=atoms.cell, pbc=True)
        frame.set_cell(frame.cell / scale, scale_atoms=True)
        frames.append(frame)
    return frames


def add_zero_point(frame: Atoms, rng: np.random.Generator) -> None:
    """Displace C and O as far as their zero-point motion does (in place).

    Path-integral beads of a 2100 cm^-1 mode spread over sqrt(hbar / 2 mu omega) = 0.034 A along the
    bond; a classical trajectory at 300 K never goes there.
    """
    carbons = np.flatnonzero(frame.numbers == 6)
    oxygens = np.flatnonzero(frame.numbers == 8)
    for c, o in zip(carbons, oxygens, strict=True):
        d = frame.get_distance(c, o, vector=True, mic=True)
        stretch = rng.normal(0.0, 0.05) * d / np.linalg.norm(d)
        frame.positions[c] -= 0.57 * stretch
        frame.positions[o] += 0.43 * stretch
        frame.positions[[c, o]] += rng.normal(0.0, 0.03, (2, 3))


def rattled(frame: Atoms, rng: np.random.Generator) -> Atoms:
    """A copy of ``frame`` with every atom displaced by 0.02-0.1 A: forces that molecular dynamics seldom shows."""
    copy = frame.copy()
    copy.positions += rng.normal(0.0, rng.uniform(0.02, 0.10) / np.sqrt(3), (len(copy), 3))
    return copy


def run_trajectory(start: Start, out: Path, seed: int, sampler: str) -> None:
    """Sample one trajectory, unless its file is there."""
    target = out / "unlabelled" / f"{start.name}.xyz"
    if target.exists():
        return
    rng = np.random.default_rng([seed, zlib.crc32(start.name.encode())])
    frames = sample(start, rng, sampler)
    sampled = len(frames)
    if start.rattled:
        frames += [rattled(frame, rng) for frame in frames]
    for k, frame in enumerate(frames):
        if start.family == "co" and k % 3 != 0:
            add_zero_point(frame, rng)
        kind = "sampled" if k < sampled else "rattled"
        frame.info.update(trajectory=start.name, family=start.family, kind=kind)
    write_whole(target, frames)


def main() -> None:
    args = parser(__doc__).parse_args()
    (args.out / "unlabelled").mkdir(parents=True, exist_ok=True)
    starts = chosen_starts(args.seed, args.only)
    sampler = TEACHERS[args.teacher][0]
    for_all(run_trajectory, [(s, args.out, args.seed, sampler) for s in reversed(starts)], args.workers, "trajectories")


if __name__ == "__main__":
    main()
