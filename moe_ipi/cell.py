"""Cells: checked, completed where a direction is not periodic, and how far rounding reaches in them."""

from __future__ import annotations

import numpy as np

from moe_ipi.errors import StructureError
from moe_ipi.typing import FloatArray, Periodicity

#: Lattice planes closer than this (A) mean a singular or collapsed cell.
_THINNEST_CELL = 1e-3
#: vesin 0.6 was seen to hang in periodic cells 1e5 times longer than wide.
_LONGEST_CELL = 2e4


def completed_cell(cell: FloatArray, pbc: Periodicity) -> FloatArray:
    """The cell (3, 3) with unit vectors orthogonal to all others in place of those that are not periodic.

    Raises:
        StructureError: the periodic lattice vectors are zero, coplanar, or nearly so.
    """
    periodic = np.array(pbc)
    for axis in np.flatnonzero(periodic):
        if np.linalg.norm(cell[axis]) < _THINNEST_CELL:
            raise StructureError(
                f"lattice vector {'abc'[axis]} is zero although that direction is periodic; give the structure a cell"
            )
    complete = np.zeros((3, 3))
    complete[periodic] = cell[periodic]
    if not periodic.all():
        # The right singular vectors beyond the rank of the periodic rows span their orthogonal complement.
        complete[~periodic] = np.linalg.svd(complete[periodic])[2][periodic.sum() :] if periodic.any() else np.eye(3)
    # Distances between the lattice planes are the inverse lengths of the reciprocal vectors.
    volume = abs(np.linalg.det(complete))
    areas = np.linalg.norm(np.cross(complete[[1, 2, 0]], complete[[2, 0, 1]]), axis=1)
    if (volume <= _THINNEST_CELL * areas).any():
        raise StructureError("the cell is singular: its periodic lattice vectors are coplanar or it has collapsed")
    widths = (volume / areas)[periodic]
    if periodic.any() and widths.max() > _LONGEST_CELL * max(widths.min(), 1.0):
        raise StructureError(
            f"the cell is {widths.max():.3g} A long but {widths.min():.3g} A wide; make empty directions not periodic"
        )
    return complete


def fractional(positions: FloatArray, cell: FloatArray) -> FloatArray:
    """(N, 3): positions (A) in fractions of the rows of a cell (3, 3)."""
    return np.asarray(np.linalg.solve(cell.T, positions.T).T, np.float64)


def heights(cell: FloatArray) -> FloatArray:
    """(3,) A: the distances between opposite faces of a cell (3, 3)."""
    return np.asarray(1.0 / np.linalg.norm(np.linalg.inv(cell), axis=0), np.float64)


def wrapped(positions: FloatArray, box: FloatArray, pbc: Periodicity) -> tuple[FloatArray, FloatArray]:
    """Positions (N, 3) moved into a completed cell (A), and in which cell (N, 3) each was: whole numbers."""
    cells = np.where(np.array(pbc), np.floor(fractional(positions, box)), 0.0)
    return positions - cells @ box, cells


def rounding(positions: FloatArray, cell: FloatArray) -> float:
    """A generous bound (A) on the rounding error of a pair vector."""
    largest = max(float(np.abs(positions).max(initial=0.0)), float(np.abs(cell).max(initial=0.0)))
    return 1e-10 + 64 * np.finfo(np.float64).eps * largest
