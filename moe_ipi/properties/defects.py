"""Energies of vacancies and of flat surfaces."""

from __future__ import annotations

import numpy as np
from ase import Atoms, units
from ase.build import surface
from ase.calculators.calculator import Calculator
from ase.optimize import BFGS

#: eV/A^2 in J/m^2.
JOULE = units.m**2 / units.J


def vacancy_energy(perfect: Atoms, whole: Calculator, rest: Calculator) -> float:
    """eV: E(N-1, relaxed) - (N-1)/N E(N), the cell fixed.

    Args:
        perfect: N atoms; the first is taken away.
        whole, rest: calculators of the perfect crystal and of the one with the vacancy.
    """
    atoms = perfect.copy()
    atoms.calc = whole
    energy = atoms.get_potential_energy()
    vacant = perfect[1:]
    vacant.calc = rest
    BFGS(vacant, logfile=None).run(fmax=0.01, steps=60)
    return float(vacant.get_potential_energy() - energy * len(vacant) / len(perfect))


def surface_energy(crystal: Atoms, face: tuple[int, int, int], calculator: Calculator, layers: int = 7) -> float:
    """J/m^2: (E(slab, relaxed) - N E(crystal)) / 2A."""
    bulk = crystal.copy()
    bulk.calc = calculator
    slab = surface(crystal, face, layers, vacuum=8.0, periodic=True)
    slab.calc = calculator
    BFGS(slab, logfile=None).run(fmax=0.01, steps=60)
    area = np.linalg.norm(np.cross(slab.cell[0], slab.cell[1]))
    excess = slab.get_potential_energy() - bulk.get_potential_energy() * len(slab) / len(bulk)
    return float(excess / (2 * area) * JOULE)
