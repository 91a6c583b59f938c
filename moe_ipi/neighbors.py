"""Neighbour lists that survive small steps: full lists from vesin with a Verlet skin."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from moe_ipi.errors import StructureError

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]

#: Lattice planes closer than this (A) mean a singular or collapsed cell.
_THINNEST_CELL = 1e-3
#: vesin 0.6 was seen to hang in periodic cells 1e5 times longer than wide.
_LONGEST_CELL = 2e4
#: More neighbours per atom than this mean a collapsed cell; a list of them would only exhaust the memory.
_MOST_NEIGHBORS = 1e5


@dataclass(frozen=True)
class Pairs:
    """P ordered pairs (each pair of atoms appears as i-j and as j-i), sorted by (center, neighbor, shift).

    The arrays are shared with the cache they come from: do not write into them.

    Attributes:
        centers: (P,) int64, ascending.
        neighbors: (P,) int64.
        shifts: (P, 3) float64, whole numbers: the lattice translation of the neighbour's image, so that
            ``positions[neighbors] + shifts @ cell - positions[centers]`` points from centre to neighbour.
            Zero along directions that are not periodic.
    """

    centers: IntArray
    neighbors: IntArray
    shifts: FloatArray

    def vectors(self, positions: FloatArray, cell: FloatArray) -> FloatArray:
        """(P, 3) vectors (A) from each centre to its neighbour, for positions (N, 3) and cell (3, 3) in A."""
        return positions[self.neighbors] - positions[self.centers] + self.shifts @ cell


@dataclass(eq=False)
class _CachedList:
    """A list together with the structure it was built from."""

    positions: FloatArray
    cell: FloatArray
    pbc: tuple[bool, bool, bool]
    pairs: Pairs
    last_use: int = field(default=0)


class NeighborLists:
    """A cache of full neighbour lists with a Verlet skin.

    A list is built for ``cutoff + skin`` and reused, also for another frame, as long as no pair within
    ``cutoff`` can be missing from it.  Several lists are kept because the frames of a path integral
    (beads) come in turn.

    Why a reused list is complete.  Let a list be built at positions r0 and cell h0, rows being the periodic
    lattice vectors, and let r and h be the present ones.  Take any matrix F with h = h0 F and any
    vector c, and put u = r - r0 F - c for every atom.  A pair vector v = r_j + s h - r_i was
    v0 = r0_j + s h0 - r0_i, so v = v0 F + u_j - u_i, and

        |v0| = |(v - u_j + u_i) F^-1| <= ||F^-1||_2 (|v| + 2 max|u|).

    Hence ``||F^-1||_2 (cutoff + 2 max|u|) <= cutoff + skin`` implies that every pair with |v| <= cutoff is
    in the list.  F is h0^-1 h, completed by the identity on the space orthogonal to the periodic vectors;
    c is the mean displacement.  Homogeneous scaling by a barostat therefore costs only its strain, however far
    the atoms have diffused, and a uniform drift costs nothing.  Rounding is covered by a margin.

    Args:
        cutoff: A, positive.
        skin: A, not negative; 0 rebuilds whenever anything moved.
        capacity: number of lists kept; the least recently used one is dropped.
    """

    def __init__(self, cutoff: float, skin: float, capacity: int = 64) -> None:
        if not (np.isfinite(cutoff) and cutoff > 0):
            raise ValueError(f"cutoff must be positive, got {cutoff}")
        if not (np.isfinite(skin) and skin >= 0):
            raise ValueError(f"skin must not be negative, got {skin}")
        if capacity < 1:
            raise ValueError(f"capacity must be at least 1, got {capacity}")
        self.cutoff = float(cutoff)
        self.skin = float(skin)
        self.capacity = int(capacity)
        #: how many lists were built so far
        self.builds = 0
        self._lists: list[_CachedList] = []
        self._next = 0
        self._clock = 0

    def pairs(self, positions: ArrayLike, cell: ArrayLike, pbc: ArrayLike) -> Pairs:
        """Every pair with a distance of at most ``cutoff``, usually with some up to ``cutoff + skin``.

        Args:
            positions: (N, 3), A; may lie any number of cells away from the origin.
            cell: (3, 3), A; rows are lattice vectors; those of directions that are not periodic are ignored.
            pbc: (3,) bool.

        Raises:
            StructureError: wrong shapes, numbers that are not finite, or a singular or collapsed cell.
        """
        positions, cell, pbc = checked_structure(positions, cell, pbc)
        self._clock += 1
        # Frames come in turn, so the list after the one used last is the likely one.
        count = len(self._lists)
        for step in range(count):
            index = (self._next + step) % count
            cached = self._lists[index]
            if self._complete(cached, positions, cell, pbc):
                cached.last_use = self._clock
                self._next = index + 1
                return cached.pairs
        pairs = full_list(positions, cell, pbc, self.cutoff + self.skin)
        self.builds += 1
        self._insert(_CachedList(positions.copy(), cell.copy(), pbc, pairs, self._clock))
        return pairs

    def _insert(self, new: _CachedList) -> None:
        at = min(self._next, len(self._lists))
        self._lists.insert(at, new)
        if len(self._lists) > self.capacity:
            oldest = min(range(len(self._lists)), key=lambda k: self._lists[k].last_use)
            del self._lists[oldest]
            at -= oldest < at
        self._next = at + 1

    def _complete(
        self, cached: _CachedList, positions: FloatArray, cell: FloatArray, pbc: tuple[bool, bool, bool]
    ) -> bool:
        """Whether the list holds every pair within the cutoff; the class explains the criterion."""
        if cached.pbc != pbc or cached.positions.shape != positions.shape:
            return False
        periodic = np.array(pbc)
        reference = cached.positions
        stretch = 1.0
        if not np.array_equal(cached.cell[periodic], cell[periodic]):
            h0, h = cached.cell[periodic], cell[periodic]
            inverse = np.linalg.pinv(h0)
            deformation = np.eye(3) + inverse @ (h - h0)
            smallest = np.linalg.svd(deformation, compute_uv=False)[-1]
            if smallest < 0.5:
                return False
            stretch = 1.0 / smallest
            reference = reference @ deformation
        if len(positions) == 0:
            return True
        moved = positions - reference
        moved -= moved.mean(axis=0)
        furthest = float(np.sqrt(np.einsum("ij,ij->i", moved, moved).max()))
        if furthest == 0.0 and stretch == 1.0:
            return True
        margin = _rounding(positions, cell) + _rounding(cached.positions, cached.cell)
        return stretch * (self.cutoff + 2.0 * furthest) + margin <= self.cutoff + self.skin


def checked_structure(
    positions: ArrayLike, cell: ArrayLike, pbc: ArrayLike
) -> tuple[FloatArray, FloatArray, tuple[bool, bool, bool]]:
    """Positions (N, 3), cell (3, 3) and periodicity (3,) with the right types; StructureError if not possible."""
    positions = np.ascontiguousarray(positions, dtype=np.float64)
    cell = np.ascontiguousarray(cell, dtype=np.float64)
    periodic = np.asarray(pbc, dtype=bool)
    if positions.ndim != 2 or positions.shape[1] != 3:
        raise StructureError(f"positions must have the shape (N, 3), not {positions.shape}")
    if cell.shape != (3, 3):
        raise StructureError(f"the cell must have the shape (3, 3), not {cell.shape}")
    if periodic.shape != (3,):
        raise StructureError(f"pbc must be three booleans, not {pbc!r}")
    if not np.isfinite(positions).all():
        atom = int(np.flatnonzero(~np.isfinite(positions).all(axis=1))[0])
        raise StructureError(f"the position of atom {atom} is not finite; look for a run that has blown up")
    if not np.isfinite(cell[periodic]).all():
        raise StructureError("the cell is not finite; look for a run that has blown up")
    return positions, cell, (bool(periodic[0]), bool(periodic[1]), bool(periodic[2]))


def completed_cell(cell: FloatArray, pbc: tuple[bool, bool, bool]) -> FloatArray:
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


def full_list(positions: FloatArray, cell: FloatArray, pbc: tuple[bool, bool, bool], cutoff: float) -> Pairs:
    """Every ordered pair (and self-images) with a distance of at most ``cutoff``, sorted; arguments as checked above.

    Raises:
        StructureError: the cell is singular or has collapsed.
    """
    # Imported here because it imports torch, and reading a structure or checking rules needs none of it.
    from vesin import NeighborList

    periodic = np.array(pbc)
    box = completed_cell(cell, pbc)
    count = len(positions)
    if count == 0:
        return Pairs(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros((0, 3)))
    volume = abs(np.linalg.det(box))
    if periodic.all() and count / volume * 4.19 * cutoff**3 > _MOST_NEIGHBORS:
        raise StructureError(
            f"the cell has collapsed: {count} atoms in {volume:.3g} A^3; look for a run that has blown up"
        )
    # Wrapped, the search is accurate however far the atoms have moved.
    fractional = np.linalg.solve(box.T, positions.T).T
    cells = np.where(periodic, np.floor(fractional), 0.0)
    inside = positions - cells @ box
    margin = _rounding(positions, box)
    # Along directions that are not periodic, the box is made to hold all atoms, and empty gaps wider than the
    # cutoff are closed down to it: no pair gains or loses anything, and vesin 0.6, which hangs or dies of an integer
    # overflow in boxes 1e5 times longer than wide, never sees one when an atom flies off.
    reach = cutoff + 2.0 * margin
    for axis in np.flatnonzero(~periodic):
        along = inside @ box[axis]
        rank = np.argsort(along)
        compact = np.empty(count)
        compact[rank] = np.concatenate(([0.0], np.cumsum(np.minimum(np.diff(along[rank]), reach))))
        inside += np.outer(compact - along, box[axis])
        box[axis] *= compact.max() + 2.0 * reach
    try:
        search = NeighborList(cutoff=cutoff + margin, full_list=True, sorted=False)
        first, second, shifts = search.compute(inside, box, periodic, "ijS")
    except RuntimeError as error:
        raise StructureError(f"no neighbour list for this structure: {error}") from None
    centers, neighbors = first.astype(np.int64), second.astype(np.int64)
    shifts = shifts + (cells[centers] - cells[neighbors]).astype(np.int64)
    order = _order(centers, neighbors, shifts, count)
    return Pairs(centers[order], neighbors[order], shifts[order].astype(np.float64))


def _rounding(positions: FloatArray, cell: FloatArray) -> float:
    """A generous bound (A) on the rounding error of a pair vector."""
    largest = max(float(np.abs(positions).max(initial=0.0)), float(np.abs(cell).max(initial=0.0)))
    return 1e-10 + 64 * np.finfo(np.float64).eps * largest


def _order(centers: IntArray, neighbors: IntArray, shifts: IntArray, count: int) -> IntArray:
    """Indices that sort by (center, neighbor, shift); one integer key is several times faster than lexsort."""
    if len(centers) == 0:
        return np.zeros(0, np.int64)
    low = shifts.min(axis=0)
    span = shifts.max(axis=0) - low + 1
    if count * count * int(span[0]) * int(span[1]) * int(span[2]) < 2**63:
        key = centers * count + neighbors
        for axis in range(3):
            key = key * span[axis] + (shifts[:, axis] - low[axis])
        return np.argsort(key)
    return np.lexsort((shifts[:, 2], shifts[:, 1], shifts[:, 0], neighbors, centers))
