"""Cells as LAMMPS wants them: a along x, b in the plane of x and y, right-handed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from moe_ipi.cell import completed_cell, heights
from moe_ipi.typing import FloatArray, Periodicity


@dataclass(frozen=True)
class Box:
    """A structure in LAMMPS's frame.

    Attributes:
        positions: (N, 3) A, within the cell in periodic directions.
        cell: (3, 3) A, rows are lattice vectors, lower triangular, tilts of at most half a cell.
        origin: (3,) A, of the cell; not zero only in directions that are not periodic.
        rotation: (3, 3) from the structure's frame: ``v @ rotation``; a proper rotation.
    """

    positions: FloatArray
    cell: FloatArray
    origin: FloatArray
    rotation: FloatArray

    @property
    def bounds(self) -> list[tuple[float, float]]:
        """(lo, hi) along x, y and z, as LAMMPS counts them."""
        return [(float(lo), float(lo + length)) for lo, length in zip(self.origin, self.cell.diagonal(), strict=True)]

    @property
    def tilts(self) -> dict[str, float]:
        """xy, xz and yz."""
        return {"xy": float(self.cell[1, 0]), "xz": float(self.cell[2, 0]), "yz": float(self.cell[2, 1])}

    @property
    def thinnest(self) -> float:
        """Smallest distance (A) between opposite faces."""
        return float(heights(self.cell).min())


def boxed(positions: FloatArray, cell: FloatArray, pbc: Periodicity) -> Box:
    """A structure in LAMMPS's frame: turned, wrapped, and with the least tilted vectors of the same lattice.

    Args:
        positions: (N, 3) A; may lie any number of cells away.
        cell: (3, 3) A, rows are lattice vectors, of any handedness.
        pbc: which of them are periodic.

    Raises:
        StructureError: the cell is singular or has collapsed.
    """
    periodic = np.array(pbc)
    full = completed_cell(cell, pbc)
    if np.linalg.det(full) < 0:
        # The same lattice, but not its mirror image.
        full = -full
    lower, rotation = full, np.eye(3)
    if np.triu(full, 1).any() or (full.diagonal() < 0).any():
        rotation, upper = np.linalg.qr(full.T)
        signs = np.sign(upper.diagonal())
        rotation = rotation * signs
        lower = np.tril((upper * signs[:, np.newaxis]).T)
    lower = lower.copy()
    for i, j in ((2, 1), (2, 0), (1, 0)):
        if periodic[i] and periodic[j]:
            lower[i] -= np.rint(lower[i, j] / lower[j, j]) * lower[j]
        else:
            lower[i, j] = 0.0
    turned = positions @ rotation
    cells = np.floor(turned @ np.linalg.inv(lower))
    cells[:, ~periodic] = 0.0
    wrapped = turned - cells @ lower
    origin = np.zeros(3)
    for axis in np.flatnonzero(~periodic):
        low, high = (wrapped[:, axis].min(), wrapped[:, axis].max()) if len(wrapped) else (0.0, 0.0)
        origin[axis] = low - 0.5
        lower[axis, axis] = high - low + 1.0
    return Box(wrapped, lower, origin, rotation)
