"""Elastic constants of a cubic crystal."""

from __future__ import annotations

import numpy as np
from ase import Atoms, units
from ase.calculators.calculator import Calculator
from ase.stress import voigt_6_to_full_3x3_stress

from moe_ipi.properties.relaxed import relax_positions
from moe_ipi.properties.strains import strained
from moe_ipi.typing import FloatArray


def elastic_constants(crystal: Atoms, calculator: Calculator, *, strain: float = 0.005) -> tuple[float, float, float]:
    """C11, C12 and C44 (GPa) of a cubic crystal at its lattice parameter, from central differences of the stress.

    sigma_1 = C11 e_1, sigma_2 = C12 e_1 under e_1; sigma_4 = C44 e_4 with e_4 = 2 e_yz (Voigt's notation; Nye,
    Physical Properties of Crystals, ch. VIII).  Positions relax in strained cells if forces appear there, as
    they do in diamond.
    """

    def stress(e: FloatArray) -> FloatArray:
        atoms = strained(crystal, e)
        atoms.calc = calculator
        relax_positions(atoms)
        full: FloatArray = voigt_6_to_full_3x3_stress(atoms.get_stress())
        return full

    axial, shear = np.zeros((3, 3)), np.zeros((3, 3))
    axial[0, 0] = strain
    shear[1, 2] = shear[2, 1] = strain / 2
    by_axial = (stress(axial) - stress(-axial)) / (2 * strain * units.GPa)
    by_shear = (stress(shear) - stress(-shear)) / (2 * strain * units.GPa)
    return float(by_axial[0, 0]), float((by_axial[1, 1] + by_axial[2, 2]) / 2), float(by_shear[1, 2])


def mechanically_stable(c11: float, c12: float, c44: float) -> bool:
    """Born's criteria for cubic crystals (Mouhat and Coudert, Phys. Rev. B 90, 224104 (2014))."""
    return c11 - c12 > 0 and c11 + 2 * c12 > 0 and c44 > 0
