"""Smooth weights by their definition, and derivatives of the bias by finite differences."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product

import numpy as np
import pytest
from ase import Atoms

from moe_ipi.regions.smooth import SmoothRegions
from moe_ipi.regions.switch import EDGE, SLOPE
from moe_ipi.typing import BoolArray


def step(r: float, inner: float, outer: float) -> float:
    """f by its definition, without logarithms."""
    u = (r - inner) / (outer - inner)
    small = EDGE**3 * (10 - 15 * EDGE + 6 * EDGE**2)
    if u < EDGE:
        return 1 - small * np.exp(SLOPE * (u - EDGE))
    if u > 1 - EDGE:
        return small * np.exp(-SLOPE * (u - 1 + EDGE))
    return 1 - u**3 * (10 - 15 * u + 6 * u**2)


def log_bulk(smooth: SmoothRegions, atoms: Atoms) -> np.ndarray:
    return smooth.log_bulk(atoms.positions, atoms.cell.array, tuple(atoms.pbc))


def drawn(smooth: SmoothRegions, atoms: Atoms, seed: int) -> BoolArray:
    """An assignment that gives atoms at the edge either expert."""
    s = -np.expm1(log_bulk(smooth, atoms))
    chosen = np.random.default_rng(seed).random(len(atoms)) < np.clip(s, 0.0, 1.0)
    return chosen | smooth.seeds


def check_derivatives(
    smooth: SmoothRegions,
    atoms: Atoms,
    assignment: BoolArray,
    strains: Iterable[tuple[int, int]] = tuple(product(range(3), repeat=2)),
) -> None:
    """All forces, and the virial by these components (x, y) of a strain, are derivatives of the energy."""

    def energy(positions: np.ndarray, cell: np.ndarray) -> float:
        return smooth.bias(positions, cell, tuple(atoms.pbc), assignment).energy

    def slope(energies: list[float]) -> float:
        return (energies[0] - 8 * energies[1] + 8 * energies[2] - energies[3]) / (12 * h)

    bias = smooth.bias(atoms.positions, atoms.cell.array, tuple(atoms.pbc), assignment)
    assert bias.energy > 0.1 and abs(bias.forces).max() > 0.1
    h = 1e-5
    for i, x in product(range(len(atoms)), range(3)):
        moved = [atoms.positions.copy() for _ in range(4)]
        for positions, k in zip(moved, (-2, -1, 1, 2), strict=True):
            positions[i, x] += k * h
        e = [energy(positions, atoms.cell.array) for positions in moved]
        assert -slope(e) == pytest.approx(bias.forces[i, x], abs=2e-8, rel=1e-8)
    for x, y in strains:
        e = []
        for k in (-2, -1, 1, 2):
            strain = np.eye(3)
            strain[x, y] += k * h
            e.append(energy(atoms.positions @ strain.T, atoms.cell.array @ strain.T))
        assert -slope(e) == pytest.approx(bias.virial[x, y], abs=2e-7, rel=1e-8)
