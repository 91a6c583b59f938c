"""The labelled frames: one file a trajectory, and which trajectories are for training, validation and test."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.io import read, write
from structures import Start


def write_whole(path: Path, frames: list[Atoms]) -> None:
    """Write an extxyz file that appears only when it is complete."""
    partial = path.with_suffix(".partial")
    write(partial, frames, format="extxyz")
    partial.rename(path)


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
        write_whole(out / f"{name}.xyz", frames)
        rms = np.sqrt(np.mean(np.concatenate([f.get_forces().ravel() for f in frames]) ** 2))
        print(f"{name:10s} {len(frames):4d} frames {sum(map(len, frames)):6d} atoms  RMS force {1000 * rms:7.1f} meV/A")
