"""Energies of vacancies and of flat surfaces."""

from __future__ import annotations

import numpy as np
from ase import Atoms, units
from ase.build import surface
from ase.calculators.calculator import Calculator
from ase.optimize import BFGS

#: eV/A^2 in J/m^2.
JOULE = units.m**2 / units.J


def removal_energy(perfect: Atoms, site: int, whole: Calculator, rest: Calculator) -> tuple[float, float]:
    """eV: E(N-1, relaxed, the cell fixed) - E(N), and E(N).

    Args:
        perfect: N atoms.
        site: the atom that is taken away.
        whole, rest: calculators of the perfect crystal and of the one with the vacancy.
    """
    atoms = perfect.copy()
    atoms.calc = whole
    energy = float(atoms.get_potential_energy())
    vacant = perfect.copy()
    del vacant[site]
    vacant.calc = rest
    BFGS(vacant, logfile=None).run(fmax=0.01, steps=60)
    return float(vacant.get_potential_energy()) - energy, energy


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
