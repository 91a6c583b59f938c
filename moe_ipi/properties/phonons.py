"""Phonon frequencies by finite displacements, with phonopy."""

from __future__ import annotations

from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator

from moe_ipi.typing import FloatArray

#: Points of the primitive reciprocal cell (fractions of its vectors), for fcc and diamond, and for bcc.
_FCC = {"G": (0, 0, 0), "X": (0.5, 0, 0.5), "W": (0.5, 0.25, 0.75), "K": (0.375, 0.375, 0.75), "L": (0.5, 0.5, 0.5)}
_BCC = {"G": (0, 0, 0), "H": (0.5, -0.5, 0.5), "N": (0, 0, 0.5), "P": (0.25, 0.25, 0.25)}
POINTS = {"fcc": _FCC, "diamond": _FCC, "bcc": _BCC}
PATHS = {"fcc": "XGL", "diamond": "XGL", "bcc": "HGN"}


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


def frequencies_at(model: Any, q: tuple[float, float, float]) -> FloatArray:
    """(branches,) THz at a wave vector in fractions of the primitive reciprocal cell; imaginary ones negative."""
    model.run_qpoints([q])
    return np.array(model.qpoints.frequencies[0])


def path(lattice: str, points: int = 21) -> tuple[list[float], list[tuple[float, float, float]]]:
    """Abscissae (0 to 2) and wave vectors of the path."""
    ends = [np.array(POINTS[lattice][label], float) for label in PATHS[lattice]]
    x, qs = [], []
    for k in range(2):
        for t in np.linspace(0, 1, points)[(k > 0) :]:
            x.append(float(k + t))
            qs.append(tuple((1 - t) * ends[k] + t * ends[k + 1]))
    return x, qs
