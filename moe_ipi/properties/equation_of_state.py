"""Lattice parameter and bulk modulus of a cubic crystal."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from ase import Atoms, units
from ase.calculators.calculator import Calculator
from ase.eos import EquationOfState

from moe_ipi.errors import MoEError
from moe_ipi.properties.strains import strained
from moe_ipi.typing import FloatArray


@dataclass(frozen=True)
class EquationOfStateFit:
    """Energy against volume: lattice parameters (A), energies (eV/atom), and what a fit to them says.

    Attributes:
        lattice_parameter: A, at the minimum.
        bulk_modulus: GPa, at the minimum.
    """

    parameters: FloatArray
    energies: FloatArray
    lattice_parameter: float
    bulk_modulus: float


def equation_of_state(
    crystal: Atoms, calculator: Calculator, *, points: int = 13, span: float = 0.03
) -> EquationOfStateFit:
    """Fit Birch and Murnaghan's equation of state (Birch, Phys. Rev. 71, 809 (1947)) to a cubic crystal.

    Args:
        crystal: conventional cubic cell near its minimum.
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
            volumes.append(atoms.get_volume())
            energies.append(atoms.get_potential_energy())
        try:
            volume, _, modulus = EquationOfState(volumes, energies, eos="birchmurnaghan").fit(warn=False)
        except (RuntimeError, ValueError, TypeError) as error:
            raise MoEError(f"no equation of state fits the crystal's energies: {error}") from error
        if not volumes[0] < volume < volumes[-1]:
            raise MoEError(
                f"the crystal's energy has no minimum within {100 * span:.0f} % of {middle:.3f} A; "
                "correct validation.lattice_parameter"
            )
        found = middle
        middle = a * (volume / crystal.get_volume()) ** (1 / 3)
    return EquationOfStateFit(
        found * scales, np.array(energies) / len(crystal), float(middle), float(modulus / units.GPa)
    )
