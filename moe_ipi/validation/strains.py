"""Strained crystals: energies, stresses, lattice parameter, bulk modulus, elastic constants."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from ase import Atoms, units
from ase.calculators.calculator import Calculator
from ase.eos import EquationOfState
from ase.optimize import BFGS
from ase.stress import voigt_6_to_full_3x3_stress

from moe_ipi.errors import MoEError


@dataclass(frozen=True)
class EquationOfStateFit:
    """Energy against volume: lattice parameters (A), energies (eV/atom), and what a fit to them says.

    Attributes:
        lattice_parameter: A, at the minimum.
        bulk_modulus: GPa, at the minimum.
    """

    parameters: np.ndarray
    energies: np.ndarray
    lattice_parameter: float
    bulk_modulus: float


def strained(crystal: Atoms, strain: np.ndarray) -> Atoms:
    """``crystal`` under a homogeneous strain (3, 3)."""
    atoms = crystal.copy()
    atoms.set_cell(atoms.cell.array @ (np.eye(3) + strain), scale_atoms=True)
    return atoms


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
            raise MoEError(f"no equation of state fits the crystal's energies: {error}") from None
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


def elastic_constants(crystal: Atoms, calculator: Calculator, *, strain: float = 0.005) -> tuple[float, float, float]:
    """C11, C12 and C44 (GPa) of a cubic crystal at its lattice parameter, from central differences of the stress.

    sigma_1 = C11 e_1, sigma_2 = C12 e_1 under e_1; sigma_4 = C44 e_4 with e_4 = 2 e_yz (Voigt's notation; Nye,
    Physical Properties of Crystals, ch. VIII).  Positions relax in strained cells if forces appear there, as
    they do in diamond.
    """

    def stress(e: np.ndarray) -> np.ndarray:
        atoms = strained(crystal, e)
        atoms.calc = calculator
        if np.abs(atoms.get_forces()).max() > 1e-3:
            BFGS(atoms, logfile=None).run(fmax=1e-4, steps=200)
        return voigt_6_to_full_3x3_stress(atoms.get_stress())

    axial, shear = np.zeros((3, 3)), np.zeros((3, 3))
    axial[0, 0] = strain
    shear[1, 2] = shear[2, 1] = strain / 2
    by_axial = (stress(axial) - stress(-axial)) / (2 * strain * units.GPa)
    by_shear = (stress(shear) - stress(-shear)) / (2 * strain * units.GPa)
    return float(by_axial[0, 0]), float((by_axial[1, 1] + by_axial[2, 2]) / 2), float(by_shear[1, 2])


def random_strains(seed: int, largest: float, number: int) -> list[np.ndarray]:
    """Isotropic, uniaxial and shear strains of the largest size, both signs, and random symmetric ones."""
    fixed = []
    for sign in (-1, 1):
        shear = np.zeros((3, 3))
        shear[0, 1] = shear[1, 0] = sign * largest / 2
        fixed += [sign * largest * np.eye(3), np.diag([sign * largest, 0, 0]), shear]
    rng = np.random.default_rng(seed)
    draws = rng.uniform(-largest, largest, (number, 3, 3))
    return fixed + [0.5 * (d + d.T) for d in draws]
