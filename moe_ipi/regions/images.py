"""Which periodic images of an atom can lie in a box."""

from __future__ import annotations

from contextlib import suppress

import numpy as np
from ase.geometry import minkowski_reduce

from moe_ipi.cell import completed_cell
from moe_ipi.typing import FloatArray, Periodicity


def reduced_lattice(cell: FloatArray, pbc: Periodicity) -> FloatArray:
    """(3, 3) A: short vectors that span the lattice, in rows; see :func:`moe_ipi.cell.completed_cell`.

    Raises:
        StructureError: the cell is singular or has collapsed.
    """
    lattice = completed_cell(cell, pbc)
    # Fewer images to try is all that a reduced cell gives; ASE gives up on some extreme ones.
    with suppress(RuntimeError):
        lattice = np.asarray(minkowski_reduce(lattice, pbc=np.array(pbc))[0], np.float64)
    return lattice


def images_near(
    positions: FloatArray, lattice: FloatArray, pbc: Periodicity, low: FloatArray, high: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Bounds on the n for which ``position + n @ lattice`` can lie in a box.

    With b the columns of the inverse of the lattice, an image in a box of centre c and half widths w obeys
    |(r - c) b_k + n_k| <= sum_x w_x |b_xk|: finitely many n.

    Args:
        positions: (N, 3) A; need not be wrapped.
        lattice: (3, 3) A, not singular.
        pbc: periodicity along its vectors; n is zero where there is none.
        low, high: (3,) A, corners of the box.

    Returns:
        (N, 3) the first n and (N, 3) the last, whole numbers, and (3,) the right hand side of that inequality, zero
        where there is no periodicity.
    """
    periodic = np.array(pbc)
    inverse = np.linalg.inv(lattice)
    center = (positions - (low + high) / 2) @ inverse
    # Slightly more, so that rounding here excludes nothing.
    reach = np.where(periodic, (high - low) / 2 @ np.abs(inverse) + 1e-6, 0.0)
    first, last = np.ceil(-reach - center), np.floor(reach - center)
    first[:, ~periodic] = last[:, ~periodic] = 0.0
    return first, last, reach
