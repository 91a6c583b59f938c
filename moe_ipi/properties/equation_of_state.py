"""Lattice parameter and bulk modulus of a crystal."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from ase import Atoms, units
from ase.calculators.calculator import Calculator
from ase.eos import EquationOfState

from moe_ipi.errors import MoEError
from moe_ipi.properties.relaxed import relax_positions
from moe_ipi.properties.strains import strained
from moe_ipi.typing import FloatArray


@dataclass(frozen=True)
class EquationOfStateFit:
    """Energy against volume: lattice parameters (A), energies (eV/atom), and what a fit to them says.

    Attributes:
        lattice_parameter: A, at the minimum: the length of the first lattice vector.
        bulk_modulus: GPa, at the minimum; of a cell that keeps its shape.
        crystal: the cell at the minimum, its atoms at rest.
    """

    parameters: FloatArray
    energies: FloatArray
    lattice_parameter: float
    bulk_modulus: float
    crystal: Atoms


def equation_of_state(
    crystal: Atoms, calculator: Calculator, *, points: int = 13, span: float = 0.03
) -> EquationOfStateFit:
    """Fit Birch and Murnaghan's equation of state (Birch, Phys. Rev. 71, 809 (1947)) to a crystal.

    Args:
        crystal: a cell near its minimum; all cells have its shape, and atoms that symmetry does not hold relax.
        points: number of volumes.
        span: largest linear strain.

    Raises:
        MoEError: the energy has no minimum in the range.
    """
    a = crystal.cell.lengths()[0]
    middle = a
    for _ in range(2):  # once more about the minimum found first
        scales = np.linspace(1 - span, 1 + span, points)
        volumes, energies = [], []
        for scale in scales:
            atoms = strained(crystal, (middle * scale / a - 1) * np.eye(3))
            atoms.calc = calculator
            relax_positions(atoms)
            volumes.append(atoms.get_volume())
            energies.append(atoms.get_potential_energy())
        try:
            volume, _, modulus = EquationOfState(volumes, energies, eos="birchmurnaghan").fit(warn=False)
        except (RuntimeError, ValueError, TypeError) as error:
            raise MoEError(f"no equation of state fits the crystal's energies: {error}") from error
        if not volumes[0] < volume < volumes[-1]:
            raise MoEError(
                f"the crystal's energy has no minimum within {100 * span:.0f} % of {middle:.3f} A; "
                "correct validation.lattice_parameter, or the cell in the file of validation.crystal"
            )
        found = middle
        middle = a * (volume / crystal.get_volume()) ** (1 / 3)
    lowest = strained(crystal, (middle / a - 1) * np.eye(3))
    lowest.calc = calculator
    relax_positions(lowest)
    lowest.calc = None
    return EquationOfStateFit(
        found * scales, np.array(energies) / len(crystal), float(middle), float(modulus / units.GPa), lowest
    )
