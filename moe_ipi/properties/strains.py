"""Homogeneous strains."""

from __future__ import annotations

import numpy as np
from ase import Atoms

from moe_ipi.typing import FloatArray


def strained(crystal: Atoms, strain: FloatArray) -> Atoms:
    """``crystal`` under a homogeneous strain (3, 3)."""
    atoms: Atoms = crystal.copy()
    atoms.set_cell(atoms.cell.array @ (np.eye(3) + strain), scale_atoms=True)
    return atoms


def random_strains(seed: int, largest: float, number: int) -> list[FloatArray]:
    """Isotropic, uniaxial and shear strains of the largest size, both signs, and random symmetric ones."""
    fixed = []
    for sign in (-1, 1):
        shear = np.zeros((3, 3))
        shear[0, 1] = shear[1, 0] = sign * largest / 2
        fixed += [sign * largest * np.eye(3), np.diag([sign * largest, 0, 0]), shear]
    rng = np.random.default_rng(seed)
    draws = rng.uniform(-largest, largest, (number, 3, 3))
    return fixed + [0.5 * (d + d.T) for d in draws]
