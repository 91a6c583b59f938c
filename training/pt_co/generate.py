"""Sample Pt and Pt+CO structures by molecular dynamics.

    python generate.py --out data --workers 2 [--sampler moe.toml]        (resumes where it was stopped)

Platinum is moved by ASE's EMT in a cell scaled to EMT's lattice parameter and scaled back; CO on platinum, and some
of the platinum, by the sampler: SevenNet-0, or with ``--sampler`` the complex expert of a pair (ten times faster; in
the environment that moe_ipi is installed in).  A trajectory ends where it becomes unphysical (``physical.py``).  One
file a trajectory goes to ``OUT/unlabelled``; ``label.py`` comes next.
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
from ase.optimize import FIRE
from frames import given_trajectories, write_whole
from physical import physical
from start import A0, Start, deformed
from starts import chosen_starts
from teachers import TEACHERS, calculator
from workers import for_all, parser

#: Lattice parameter of fcc Pt in ASE's EMT, A.
A0_EMT = 3.9220
#: Zero-point range of the C-O bond, A.
ZERO_POINT = (1.00, 1.30)


def schedule(start: Start) -> tuple[int, float]:
    """Steps between two frames, and the time step in fs."""
    if start.family == "pt":
        return (60, 4.0) if start.group in ("pt", "pt-perturbed") else (40 if start.mover == "emt" else 15, 5.0)
    if start.wide:
        return 10, 2.0
    return (14 if len(start.atoms) > 2 else 9), 1.5


def sample(start: Start, rng: np.random.Generator, sampler: str) -> list[Atoms]:
    """Frames of a short Langevin trajectory from ``start``; the first frames are thermalising.

    At zero temperature: the structure itself, strained a little at random for each frame.
    """
    atoms = start.atoms.copy()
    if start.temperature == 0:
        return [atoms.copy(), *(deformed(atoms.copy(), rng, start.strain) for _ in range(start.frames - 1))]
    emt = start.mover == "emt"
    scale = A0_EMT / A0 if emt else 1.0
    atoms.set_cell(atoms.cell * scale, scale_atoms=True)
    atoms.calc = calculator("emt" if emt else sampler)
    stride, step = schedule(start)
    if start.wide and not emt:
        FIRE(atoms, logfile=None, maxstep=0.1).run(fmax=1.5, steps=20)
    atoms.rattle(0.01, rng=rng)
    # Half of the kinetic energy of a structure started at a minimum goes into the potential.
    MaxwellBoltzmannDistribution(atoms, temperature_K=2 * start.temperature, rng=rng)
    dynamics = Langevin(atoms, step * units.fs, temperature_K=start.temperature, friction=0.01 / units.fs, rng=rng)
    frames = []
    for _ in range(start.frames):
        dynamics.run(stride)
        frame = Atoms(atoms.numbers, atoms.positions, cell=atoms.cell, pbc=True)
        frame.set_cell(frame.cell / scale, scale_atoms=True)
        if not physical(frame, atoms.get_forces()):
            break
        frames.append(frame)
    return frames


def add_zero_point(frame: Atoms, rng: np.random.Generator, uniform: bool) -> None:
    """Displace C and O as far as their zero-point motion does (in place).

    Path-integral beads of a 2100 cm^-1 mode spread over sqrt(hbar / 2 mu omega) = 0.034 A along the
    bond; a classical trajectory at 300 K never goes there.

    Args:
        frame: the molecules' C and O in one order.
        rng: draws the displacements.
        uniform: draw bond lengths evenly from the whole zero-point range, not around the present one.
    """
    carbons = np.flatnonzero(frame.numbers == 6)
    oxygens = np.flatnonzero(frame.numbers == 8)
    for c, o in zip(carbons, oxygens, strict=True):
        d = frame.get_distance(c, o, vector=True, mic=True)
        length = np.linalg.norm(d)
        change = rng.uniform(*ZERO_POINT) - length if uniform else rng.normal(0.0, 0.05)
        stretch = change * d / length
        frame.positions[c] -= 0.57 * stretch
        frame.positions[o] += 0.43 * stretch
        frame.positions[[c, o]] += rng.normal(0.0, 0.03 if not uniform else 0.01, (2, 3))


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
            add_zero_point(frame, rng, uniform=start.wide and k % 3 == 1)
        # The text of the files is then exact.
        frame.set_cell(frame.cell.array.round(5))
        frame.positions = frame.positions.round(5)
        kind = "sampled" if k < sampled else "rattled"
        frame.info.update(trajectory=start.name, frame=k, family=start.family, kind=kind)
    write_whole(target, [frame for frame in frames if physical(frame)])


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--sampler", metavar="MOE_TOML", type=Path, help="a pair whose complex expert moves CO on Pt")
    args = options.parse_args()
    (args.out / "unlabelled").mkdir(parents=True, exist_ok=True)
    # The frames of the test set are given (make data) and not made again.
    given = given_trajectories(args.out)
    starts = [s for s in chosen_starts(args.seed, args.only) if s.name not in given]
    sampler = str(args.sampler) if args.sampler else TEACHERS[args.teacher][0]
    # In an order that mixes the kinds: a sampling that was stopped has some of all.
    starts.sort(key=lambda start: zlib.crc32(start.name.encode()))
    for_all(run_trajectory, [(s, args.out, args.seed, sampler) for s in starts], args.workers, "trajectories")


if __name__ == "__main__":
    main()
