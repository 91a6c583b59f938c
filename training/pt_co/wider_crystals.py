"""More crystals of Pt: strained, compressed and stretched, hot, with vacancies, and of other structures."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from ase import Atoms
from ase.build import bulk
from start import A0, Start, deformed, strained

GROUP = "wider-crystals"


def _scaled(atoms: Atoms, factor: float) -> Atoms:
    atoms.set_cell(atoms.cell * factor, scale_atoms=True)
    return atoms


def crystals(rng: np.random.Generator, prefix: str = "w", group: str = GROUP) -> Iterator[Start]:
    """Crystals of 4 to 32 atoms; temperatures up to 1200 K; ``prefix`` begins the names."""
    for k in range(40):
        atoms = strained(rng, 1, 0.06)
        yield Start(f"{prefix}crystal-strained-{k:02d}", atoms, 0, 3, "pt", group, rattled=True, strain=0.04)
    for k in range(40):
        shape = ((2, 2, 2), (2, 2, 3), (3, 2, 3), (3, 3, 3))[k % 4]
        atoms = deformed(bulk("Pt", a=A0).repeat(shape), rng, 0.05)
        yield Start(
            f"{prefix}crystal-primitive-{k:02d}", atoms, rng.uniform(100, 1200), 6, "pt", group, rattled=k % 3 == 0
        )
    for k in range(24):
        atoms = _scaled(bulk("Pt", cubic=True, a=A0).repeat((2, 2, 2 - k % 2)), rng.uniform(0.94, 1.06))
        yield Start(f"{prefix}crystal-hot-{k:02d}", atoms, rng.uniform(600, 1200), 6, "pt", group, mover=_mover(k))
    for k in range(24):
        atoms = _scaled(bulk("Pt", a=A0).repeat((3, 3, 3 if k % 2 else 2)), rng.uniform(0.97, 1.03))
        del atoms[list(rng.choice(len(atoms), 1 + (k % 4 == 3), replace=False))]
        yield Start(f"{prefix}crystal-vacancy-{k:02d}", atoms, rng.uniform(200, 1200), 6, "pt", group, mover=_mover(k))
    for k in range(12):
        # hcp: what a stacking fault of fcc is made of.
        a = A0 / np.sqrt(2) * rng.uniform(0.97, 1.03)
        atoms = deformed(bulk("Pt", "hcp", a=a, c=1.633 * a).repeat((2, 2, 1 + k % 2)), rng, 0.03)
        yield Start(f"{prefix}crystal-hcp-{k:02d}", atoms, rng.uniform(100, 800), 4, "pt", group)
    for k in range(4):
        atoms = bulk("Pt", "bcc", a=3.17 * (0.97 + 0.02 * k), cubic=True).repeat((2, 2, 1))
        yield Start(f"{prefix}crystal-bcc-{k:02d}", atoms, 0, 3, "pt", group, rattled=True)


def _mover(k: int) -> str:
    """Every third trajectory is moved by the sampler, the others by EMT."""
    return "sampler" if k % 3 == 2 else "emt"
