"""Frames: structures of the same atoms, checked once, where they come in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from ase import Atoms
from numpy.typing import ArrayLike

from moe_ipi.errors import StructureError
from moe_ipi.typing import BoolArray, FloatArray, Periodicity

PERIODIC: Periodicity = (True, True, True)


@dataclass(frozen=True)
class Frames:
    """B structures of the same N atoms; made by :func:`checked_frames`, so shapes fit and numbers are finite.

    Attributes:
        positions: (B, N, 3) float64, A; may lie any number of cells away from the origin.
        cells: (B, 3, 3) float64, A; rows are lattice vectors, those of directions that are not periodic mean nothing.
        pbc: which lattice vectors are periodic, in all frames.
    """

    positions: FloatArray
    cells: FloatArray
    pbc: Periodicity

    def __len__(self) -> int:
        return len(self.positions)

    def __iter__(self) -> Iterator[tuple[FloatArray, FloatArray]]:
        """Positions (N, 3) and cell (3, 3) of one frame after the other."""
        return zip(self.positions, self.cells, strict=True)


def checked_frames(
    positions: ArrayLike, cells: ArrayLike, pbc: ArrayLike = PERIODIC, *, natoms: int | None = None
) -> Frames:
    """The door for structures: everything behind it relies on shapes and finite numbers.

    Args:
        positions: (B, N, 3) A.
        cells: (B, 3, 3) A, rows are lattice vectors.
        pbc: (3,) bool.
        natoms: N, if it is known.

    Raises:
        StructureError: wrong shapes, another number of atoms, or numbers that are not finite.
    """
    r = np.ascontiguousarray(positions, dtype=np.float64)
    h = np.ascontiguousarray(cells, dtype=np.float64)
    periodic = np.asarray(pbc, dtype=bool)
    wanted = "atoms" if natoms is None else natoms
    if r.ndim != 3 or r.shape[2] != 3:
        raise StructureError(f"positions have the shape {r.shape}, expected (frames, {wanted}, 3)")
    if natoms is not None and r.shape[1] != natoms:
        raise StructureError(
            f"positions have the shape {r.shape}, expected (frames, {natoms}, 3): {r.shape[1]} atoms, but {natoms} in "
            "the template, or in the structure that this was set up for"
        )
    if h.shape != (len(r), 3, 3):
        raise StructureError(f"cells have the shape {h.shape}, expected ({len(r)}, 3, 3)")
    if periodic.shape != (3,):
        raise StructureError(f"pbc must be three booleans, not {pbc!r}")
    if not np.isfinite(r).all():
        atom = int(np.flatnonzero(~np.isfinite(r).all(axis=(0, 2)))[0])
        raise StructureError(
            f"the position of atom {atom} is not finite: the run has become unstable, look at its last steps and try "
            "a smaller time step"
        )
    if not np.isfinite(h[:, periodic]).all():
        raise StructureError(
            "a cell is not finite: the run has become unstable, look at its last steps and try a smaller time step"
        )
    if not np.isfinite(h).all():
        h = np.where(periodic[:, np.newaxis], h, 0.0)
    return Frames(r, h, (bool(periodic[0]), bool(periodic[1]), bool(periodic[2])))


def frames_of(atoms: Atoms) -> Frames:
    """One structure of ASE as frames (B = 1).

    Raises:
        StructureError: see :func:`checked_frames`.
    """
    return checked_frames(atoms.positions[np.newaxis], atoms.cell.array[np.newaxis], atoms.pbc)


def checked_assignment(mask: ArrayLike, natoms: int | None = None) -> BoolArray:
    """An assignment (N,), True for atoms of the complex expert.

    Raises:
        StructureError: it is not one boolean per atom (indices are no mask).
    """
    a = np.asarray(mask)
    if a.ndim != 1 or a.dtype != np.bool_:
        raise StructureError(
            f"an assignment is one boolean per atom (got {a.dtype} of shape {a.shape}, expected bool); "
            "for a list of indices use: mask = numpy.zeros(len(atoms), bool); mask[indices] = True"
        )
    if natoms is not None and len(a) != natoms:
        raise StructureError(f"the assignment is of {len(a)} atoms, and the structure has {natoms}")
    return a
