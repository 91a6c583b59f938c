"""Crystals at their minimum."""

from __future__ import annotations

import warnings

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator
from ase.filters import FrechetCellFilter
from ase.optimize import BFGS

from moe_ipi.errors import MoEError

#: eV/A: smaller forces are those of atoms at rest, and of a model in float32.
_REST = 1e-3


def relax_positions(atoms: Atoms) -> None:
    """Move the atoms, which have a calculator, to rest in a fixed cell; where symmetry holds them nothing is done."""
    if np.abs(atoms.get_forces()).max() > _REST:
        BFGS(atoms, logfile=None).run(fmax=1e-4, steps=200)


def relaxed_cell(crystal: Atoms, calculator: Calculator) -> Atoms:
    """A copy, cell and positions at the minimum of the energy.

    Raises:
        MoEError: none was found within 300 steps.
    """
    atoms: Atoms = crystal.copy()
    atoms.calc = calculator
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # scipy's logm of a small strain
        whole = FrechetCellFilter(atoms)  # stands for atoms, which ASE's types do not say
        if not BFGS(whole, logfile=None).run(fmax=_REST, steps=300):  # type: ignore[arg-type]
            raise MoEError("the crystal comes to no rest within 300 steps: give one that is nearer to its minimum")
    atoms.calc = None
    return atoms
