"""Phonon frequencies by finite displacements, with phonopy."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal, cast

import numpy as np
from ase import Atoms
from ase.build import bulk
from ase.calculators.calculator import Calculator
from numpy.typing import ArrayLike

from moe_ipi.cell import heights
from moe_ipi.typing import FloatArray

#: Points of the primitive reciprocal cell (fractions of its vectors) of cubic crystals, by the centring of the cell.
POINTS = {
    "F": {"Γ": (0, 0, 0), "X": (0.5, 0, 0.5), "W": (0.5, 0.25, 0.75), "K": (0.375, 0.375, 0.75), "L": (0.5, 0.5, 0.5)},
    "I": {"Γ": (0, 0, 0), "H": (0.5, -0.5, 0.5), "N": (0, 0, 0.5), "P": (0.25, 0.25, 0.25)},
    "P": {"Γ": (0, 0, 0), "X": (0, 0.5, 0), "M": (0.5, 0.5, 0), "R": (0.5, 0.5, 0.5)},
}
#: Ways through these points, without a break within each: along the cubic axes, and the diagonals of faces and cube.
PATHS = {"F": ("ΓX", "KΓL"), "I": ("ΓHN", "ΓP"), "P": ("ΓXMΓR",)}
#: A lattice of one atom with this centring.
_LATTICES = {"F": "fcc", "I": "bcc", "P": "sc"}


def phonon_model(unit: Atoms, centring: str, calculator: Calculator, length: float) -> Any:
    """Force constants of a supercell, as a ``phonopy.Phonopy``.

    Args:
        unit: the conventional cell of a cubic crystal, its atoms at rest.
        centring: of :data:`POINTS`.
        calculator: of the forces.
        length: A; faces of the supercell, an even number of primitive cells, are at least so far apart.
    """
    from phonopy import Phonopy
    from phonopy.structure.atoms import PhonopyAtoms
    from phonopy.structure.cells import get_primitive

    conventional = PhonopyAtoms(
        symbols=unit.get_chemical_symbols(), cell=unit.cell.array, scaled_positions=unit.get_scaled_positions()
    )
    kind = cast(Literal["F", "I", "P"], centring)
    primitive = get_primitive(conventional, kind, symprec=1e-3)  # as near to rest as a model in float32 finds it
    # At the middles of faces and edges of the zone an even number of cells makes frequencies exact.
    repeat = 2 * np.ceil(length / heights(primitive.cell) / 2).astype(int)
    model = Phonopy(primitive, supercell_matrix=np.diag(repeat), primitive_matrix=np.eye(3))
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


def path(centring: str, points: int = 21) -> list[Leg]:
    """The legs of :data:`PATHS`, one after the other; where the path breaks, one begins where the last has ended."""
    reciprocal = bulk("X", _LATTICES[centring], a=1.0).cell.reciprocal().array
    legs: list[Leg] = []
    for way in PATHS[centring]:
        for ends in pairwise(way):
            begin, end = (np.array(POINTS[centring][name], float) for name in ends)
            length = float(np.linalg.norm((end - begin) @ reciprocal))
            start = legs[-1].x[-1] if legs else 0.0
            part = np.linspace(0, 1, points)
            legs.append(Leg(ends, start + part * length, begin + part[:, None] * (end - begin)))
    return legs
