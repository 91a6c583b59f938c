"""From positions to every edge within a cutoff: full lists from vesin, in one order."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any

import numpy as np

from moe_ipi.cell import completed_cell, rounding, wrapped
from moe_ipi.errors import StructureError
from moe_ipi.jit import jit
from moe_ipi.nearest import nearest_distances
from moe_ipi.typing import BoolArray, FloatArray, IntArray, Periodicity

#: More neighbours per atom than this mean a collapsed cell; a list of them would only exhaust the memory.
_MOST_NEIGHBORS = 1e5


@dataclass(frozen=True)
class Edges:
    """P edges from a centre to a neighbour (i-j and j-i are two), sorted by (center, neighbor, shift).

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


def full_list(
    positions: FloatArray, cell: FloatArray, pbc: Periodicity, cutoff: float, centers: BoolArray | None = None
) -> Edges:
    """Every edge (to images of the centre, too) with a length of at most ``cutoff``, sorted; see :class:`Frames`.

    Args:
        positions, cell, pbc: of one frame.
        cutoff: A.
        centers: (N,) the atoms whose edges are wanted; by default all.

    Raises:
        StructureError: the cell is singular or has collapsed.
    """
    if centers is None or centers.all():
        return _all_edges(positions, cell, pbc, cutoff)
    # Only they and their neighbours are searched: few, if the centres are.
    margin = 2.0 * rounding(positions, completed_cell(cell, pbc))
    atoms = np.flatnonzero(nearest_distances(positions, cell, pbc, centers, cutoff + margin) <= cutoff + margin)
    edges = _all_edges(positions[atoms], cell, pbc, cutoff)
    kept = centers[atoms][edges.centers]
    return Edges(atoms[edges.centers[kept]], atoms[edges.neighbors[kept]], edges.shifts[kept])


def _all_edges(positions: FloatArray, cell: FloatArray, pbc: Periodicity, cutoff: float) -> Edges:
    search_for = _vesin()
    periodic = np.array(pbc)
    box = completed_cell(cell, pbc)
    count = len(positions)
    if count == 0:
        return Edges(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros((0, 3)))
    volume = abs(np.linalg.det(box))
    if periodic.all() and count / volume * 4.19 * cutoff**3 > _MOST_NEIGHBORS:
        raise StructureError(
            f"the cell has collapsed: {count} atoms in {volume:.3g} A^3; look for a run that has blown up"
        )
    # Wrapped, the search is accurate however far the atoms have moved.
    inside, cells = wrapped(positions, box, pbc)
    margin = rounding(positions, box)
    # Along directions that are not periodic, the box is made to hold all atoms, and empty gaps wider than the
    # cutoff are closed down to it: no edge gains or loses anything, and vesin 0.6, which hangs or dies of an integer
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
        search = search_for(cutoff=cutoff + margin, full_list=True, sorted=False)
        first, second, shifts = search.compute(inside, box, periodic, "ijS")
    except RuntimeError as error:
        raise StructureError(f"no neighbour list for this structure: {error}") from error
    return Edges(*_sorted(first.astype(np.int64), second.astype(np.int64), shifts.astype(np.int64), cells))


def _vesin() -> Any:
    """vesin's ``NeighborList``, without torch where nothing else needs it.

    vesin 0.6 imports torch if it can, for tensors that never come here; that takes seconds in each process.
    """
    if "vesin" in sys.modules or "torch" in sys.modules:
        from vesin import NeighborList
    else:
        sys.modules["torch"] = None  # type: ignore[assignment]  # so an import of it fails
        try:
            from vesin import NeighborList
        finally:
            del sys.modules["torch"]
    return NeighborList


@jit()
def _sorted(
    first: IntArray, second: IntArray, shifts: IntArray, cells: FloatArray
) -> tuple[IntArray, IntArray, FloatArray]:
    """Edges (P,) of wrapped atoms as edges of the atoms, which lie in ``cells`` (N, 3).

    Sorted by (center, neighbor, shift): those of one centre are few, so they are put together first, and each group is
    then sorted where the cache holds it.
    """
    count, total = len(cells), len(first)
    start = np.zeros(count + 1, np.int64)
    for p in range(total):
        start[first[p] + 1] += 1
    for i in range(count):
        start[i + 1] += start[i]
    fill = start[:-1].copy()
    centers, neighbors, moved = np.empty(total, np.int64), np.empty(total, np.int64), np.empty((total, 3))
    for p in range(total):
        i, j = first[p], second[p]
        at = fill[i]
        fill[i] += 1
        centers[at] = i
        neighbors[at] = j
        for x in range(3):
            moved[at, x] = shifts[p, x] + cells[i, x] - cells[j, x]
    for i in range(count):
        _sort_group(neighbors, moved, start[i], start[i + 1])
    return centers, neighbors, moved


@jit()
def _sort_group(neighbors: IntArray, shifts: FloatArray, start: int, stop: int) -> None:
    """Sort edges start to stop by (neighbor, shift), in place."""
    if stop - start > 256:
        # Shell's gaps, for the many neighbours of small cells and long cutoffs.
        gap = 1
        while gap < (stop - start) // 3:
            gap = 3 * gap + 1
    else:
        gap = 1
    while gap > 0:
        for p in range(start + gap, stop):
            neighbor, a, b, c = neighbors[p], shifts[p, 0], shifts[p, 1], shifts[p, 2]
            q = p - gap
            while q >= start and (
                neighbors[q] > neighbor
                or (
                    neighbors[q] == neighbor
                    and (
                        shifts[q, 0] > a
                        or (shifts[q, 0] == a and (shifts[q, 1] > b or (shifts[q, 1] == b and shifts[q, 2] > c)))
                    )
                )
            ):
                neighbors[q + gap] = neighbors[q]
                for x in range(3):
                    shifts[q + gap, x] = shifts[q, x]
                q -= gap
            neighbors[q + gap] = neighbor
            shifts[q + gap, 0] = a
            shifts[q + gap, 1] = b
            shifts[q + gap, 2] = c
        gap //= 3
