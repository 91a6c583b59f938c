"""Phonon frequencies by finite displacements, with phonopy."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from ase import Atoms
from ase.build import bulk
from ase.calculators.calculator import Calculator
from numpy.typing import ArrayLike

from moe_ipi.typing import FloatArray

#: Points of the primitive reciprocal cell (fractions of its vectors), for fcc and diamond, and for bcc.
_FCC = {"Γ": (0, 0, 0), "X": (0.5, 0, 0.5), "W": (0.5, 0.25, 0.75), "K": (0.375, 0.375, 0.75), "L": (0.5, 0.5, 0.5)}
_BCC = {"Γ": (0, 0, 0), "H": (0.5, -0.5, 0.5), "N": (0, 0, 0.5), "P": (0.25, 0.25, 0.25)}
POINTS = {"fcc": _FCC, "diamond": _FCC, "bcc": _BCC}
#: Ways through these points, without a break within each: along the cubic axes, and the diagonals of faces and cube.
PATHS = {"fcc": ("ΓX", "KΓL"), "diamond": ("ΓX", "KΓL"), "bcc": ("ΓHN", "ΓP")}


def phonon_model(primitive: Atoms, calculator: Calculator, repeat: int) -> Any:
    """Force constants of a supercell of ``repeat`` primitive cells along each axis, as a ``phonopy.Phonopy``."""
    from phonopy import Phonopy
    from phonopy.structure.atoms import PhonopyAtoms

    unit = PhonopyAtoms(
        symbols=primitive.get_chemical_symbols(),
        cell=primitive.cell.array,
        scaled_positions=primitive.get_scaled_positions(),
    )
    model = Phonopy(unit, supercell_matrix=repeat * np.eye(3, dtype=int), primitive_matrix=np.eye(3))
    model.generate_displacements(distance=0.01)
    forces = []
    for cell in model.supercells_with_displacements or ():
        atoms = Atoms(cell.symbols, cell=cell.cell, scaled_positions=cell.scaled_positions, pbc=True)
        atoms.calc = calculator
        forces.append(atoms.get_forces())
    model.forces = np.array(forces)
    model.produce_force_constants()
    model.symmetrize_force_constants()
    return model


def frequencies_at(model: Any, q: ArrayLike) -> FloatArray:
    """(branches,) THz at a wave vector in fractions of the primitive reciprocal cell; imaginary ones negative."""
    model.run_qpoints([q])
    return np.array(model.qpoints.frequencies[0])


@dataclass(frozen=True)
class Leg:
    """A straight way between two points.

    Attributes:
        ends: names of the points.
        x: (points,) abscissae along the whole path, in 2 pi / a.
        waves: (points, 3) wave vectors in fractions of the primitive reciprocal cell.
    """

    ends: tuple[str, str]
    x: FloatArray
    waves: FloatArray


def path(lattice: str, points: int = 21) -> list[Leg]:
    """The legs of :data:`PATHS`, one after the other; where the path breaks, one begins where the last has ended."""
    reciprocal = bulk("X", lattice, a=1.0).cell.reciprocal().array
    legs: list[Leg] = []
    for way in PATHS[lattice]:
        for ends in pairwise(way):
            begin, end = (np.array(POINTS[lattice][name], float) for name in ends)
            length = float(np.linalg.norm((end - begin) @ reciprocal))
            start = legs[-1].x[-1] if legs else 0.0
            part = np.linspace(0, 1, points)
            legs.append(Leg(ends, start + part * length, begin + part[:, None] * (end - begin)))
    return legs
