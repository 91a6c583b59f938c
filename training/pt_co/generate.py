"""Sample Pt and Pt+CO structures by molecular dynamics and label them with SevenNet-l3i5.

    python generate.py --out data --workers 2        (resumes where it was stopped)

Sampling: platinum is moved by ASE's EMT in a cell scaled to EMT's lattice parameter and scaled back;
CO on platinum is moved by SevenNet-0.  Labels (energy, forces, stress) are SevenNet-l3i5's: models
trained on them are teacher-accurate, not DFT-accurate.  Units: eV, A, eV/A, eV/A^3.

One file a trajectory goes to ``OUT/trajectories``; the split into train/val/test is by trajectory.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import zlib
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from ase import Atoms, units
from ase.calculators.emt import EMT
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import read, write
from ase.md.langevin import Langevin
from ase.md.velocitydistribution import MaxwellBoltzmannDistribution
from structures import A0, Start, all_starts

#: Lattice parameter of fcc Pt in ASE's EMT, A.
A0_EMT = 3.9220

_teachers: dict[str, object] = {}


def teacher(name: str):
    """The SevenNet calculator ``name``, loaded once a process."""
    if name not in _teachers:
        import torch
        from sevenn.calculator import SevenNetCalculator

        torch.set_num_threads(1)
        _teachers[name] = SevenNetCalculator(name, device="cpu")
    return _teachers[name]


def sample(start: Start, rng: np.random.Generator) -> list[Atoms]:
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
        atoms.calc, stride, step = EMT(), 60, 4.0
    else:
        scale = 1.0
        atoms.calc, stride, step = teacher("7net-0"), (14 if len(atoms) > 2 else 9), 1.5
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


def label(frame: Atoms) -> Atoms:
    """``frame`` with the teacher's energy (eV), forces (eV/A) and stress (eV/A^3, ASE's sign)."""
    work = frame.copy()
    work.calc = teacher("7net-l3i5")
    frame.calc = SinglePointCalculator(
        frame, energy=work.get_potential_energy(), forces=work.get_forces(), stress=work.get_stress()
    )
    return frame


def run_trajectory(start: Start, out: Path, seed: int) -> str:
    """Sample and label one trajectory; its file appears only when it is complete."""
    target = out / "trajectories" / f"{start.name}.xyz"
    if target.exists():
        return start.name
    rng = np.random.default_rng([seed, zlib.crc32(start.name.encode())])
    frames = sample(start, rng)
    if start.rattled:
        frames += [rattled(frame, rng) for frame in frames]
    for k, frame in enumerate(frames):
        if start.family == "co" and k % 3 != 0:
            add_zero_point(frame, rng)
        label(frame)
        copied = start.rattled and k >= len(frames) // 2
        frame.info.update(trajectory=start.name, family=start.family, kind="rattled" if copied else "sampled")
    partial = target.with_suffix(".partial")
    write(partial, frames, format="extxyz")
    partial.rename(target)
    return start.name


def assign_parts(starts: list[Start]) -> dict[str, str]:
    """``train``, ``val`` or ``test`` for each trajectory: 75/10/15 % of each group, in hashed order."""
    parts = {}
    for group in sorted({s.group for s in starts}):
        names = [s.name for s in starts if s.group == group]
        names.sort(key=lambda name: hashlib.sha256(name.encode()).hexdigest())
        test, val = round(0.15 * len(names)), round(0.10 * len(names))
        parts |= {n: "test" if k < test else "val" if k < test + val else "train" for k, n in enumerate(names)}
    return parts


def split(out: Path, starts: list[Start]) -> None:
    """Write ``{train,val,test}-{pt,co,all,mix}.xyz``; a trajectory falls whole into one part.

    ``mix`` is for the bulk expert: all of Pt and every fourth CO frame, enough to keep it sane near CO.
    """
    part_of = assign_parts(starts)
    parts: dict[str, list[Atoms]] = {}
    for start in starts:
        frames = read(out / "trajectories" / f"{start.name}.xyz", index=":")
        for key, chosen in (
            (start.family, frames),
            ("all", frames),
            ("mix", frames if start.family == "pt" else frames[::4]),
        ):
            parts.setdefault(f"{part_of[start.name]}-{key}", []).extend(chosen)
    for name, frames in sorted(parts.items()):
        write(out / f"{name}.xyz", frames, format="extxyz")
        rms = np.sqrt(np.mean(np.concatenate([f.get_forces().ravel() for f in frames]) ** 2))
        print(f"{name:10s} {len(frames):4d} frames {sum(map(len, frames)):6d} atoms  RMS force {1000 * rms:7.1f} meV/A")


def main() -> None:
    from tqdm import tqdm

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("data"))
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=2026)
    args = parser.parse_args()
    (args.out / "trajectories").mkdir(parents=True, exist_ok=True)
    starts = all_starts(args.seed)
    with ProcessPoolExecutor(args.workers) as pool:
        jobs = [pool.submit(run_trajectory, s, args.out, args.seed) for s in reversed(starts)]
        for job in tqdm(as_completed(jobs), total=len(jobs), desc="trajectories"):
            job.result()
    split(args.out, starts)


if __name__ == "__main__":
    main()
