"""Neighbour lists that survive small steps: full lists with a Verlet skin, kept and reused."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from moe_ipi.cell import rounding
from moe_ipi.edges import Edges, full_list
from moe_ipi.frames import Frames
from moe_ipi.typing import BoolArray, FloatArray, Periodicity

#: For frames that come one by one (they may be unrelated, and every list is looked at before a new one is built) no
#: more lists than this are kept, nor more bytes.
_MOST_SINGLE = 512
_MOST_BYTES = 2**30


@dataclass(eq=False)
class _CachedList:
    """A list together with the structure it was built from."""

    positions: FloatArray
    cell: FloatArray
    pbc: Periodicity
    edges: Edges
    last_use: int = field(default=0)

    @property
    def nbytes(self) -> int:
        return self.positions.nbytes + sum(
            a.nbytes for a in (self.edges.centers, self.edges.neighbors, self.edges.shifts)
        )


class NeighborLists:
    """A cache of full neighbour lists with a Verlet skin.

    A list is built for ``cutoff + skin`` and reused, also for another frame, as long as no edge within
    ``cutoff`` can be missing from it.  Several lists are kept because the frames of a path integral
    (beads) come in turn.

    Why a reused list is complete.  Let a list be built at positions r0 and cell h0, rows being the periodic
    lattice vectors, and let r and h be the present ones.  Take any matrix F with h = h0 F and any
    vector c, and put u = r - r0 F - c for every atom.  An edge v = r_j + s h - r_i was
    v0 = r0_j + s h0 - r0_i, so v = v0 F + u_j - u_i, and

        |v0| = |(v - u_j + u_i) F^-1| <= ||F^-1||_2 (|v| + 2 max|u|).

    Hence ``||F^-1||_2 (cutoff + 2 max|u|) <= cutoff + skin`` implies that every edge with |v| <= cutoff is
    in the list.  F is h0^-1 h, completed by the identity on the space orthogonal to the periodic vectors;
    c is the mean displacement.  Homogeneous scaling by a barostat therefore costs only its strain, however far
    the atoms have diffused, and a uniform drift costs nothing.  Rounding is covered by a margin.

    Args:
        cutoff: A, positive.
        skin: A, not negative; 0 rebuilds whenever anything moved.
        capacity: number of lists kept at first; the least recently used one is dropped.  It grows with the batches, and
            when more frames come in turn than there are lists.
        centers: (N,) the atoms whose edges are wanted, of all frames; by default all.
    """

    def __init__(self, cutoff: float, skin: float, capacity: int = 64, *, centers: BoolArray | None = None) -> None:
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
        self._centers = centers
        self._lists: list[_CachedList] = []
        self._next = 0
        self._clock = 0
        #: Lists built since the last one that could be reused.
        self._misses = 0

    def batch(self, frames: Frames) -> list[Edges]:
        """The edges of each frame, see :meth:`edges`; there is room for the lists of all of them."""
        # Twice: a list that has become useless stays until it is the oldest.
        self.capacity = max(self.capacity, 2 * len(frames))
        return [self.edges(positions, cell, frames.pbc) for positions, cell in frames]

    def edges(self, positions: FloatArray, cell: FloatArray, pbc: Periodicity) -> Edges:
        """Every edge with a length of at most ``cutoff``, usually with some up to ``cutoff + skin``.

        Args:
            positions, cell, pbc: of one frame, see :class:`moe_ipi.frames.Frames`.

        Raises:
            StructureError: a singular or collapsed cell.
        """
        self._clock += 1
        # Frames come in turn, so the list after the one used last is the likely one.
        count = len(self._lists)
        for step in range(count):
            index = (self._next + step) % count
            cached = self._lists[index]
            if self._complete(cached, positions, cell, pbc):
                cached.last_use = self._clock
                self._next = index + 1
                self._misses = 0
                return cached.edges
        edges = full_list(positions, cell, pbc, self.cutoff + self.skin, self._centers)
        self.builds += 1
        self._insert(_CachedList(positions.copy(), cell.copy(), pbc, edges, self._clock))
        return edges

    def _insert(self, new: _CachedList) -> None:
        self._make_room()
        at = min(self._next, len(self._lists))
        self._lists.insert(at, new)
        if len(self._lists) > self.capacity:
            oldest = min(range(len(self._lists)), key=lambda k: self._lists[k].last_use)
            del self._lists[oldest]
            at -= oldest < at
        self._next = at + 1

    def _make_room(self) -> None:
        """More frames may come in turn than there is room for: then no list ever lives until its frame comes again."""
        self._misses += 1
        thrashing = len(self._lists) == self.capacity and self._misses > self.capacity and self.skin > 0
        roomy = self.capacity < _MOST_SINGLE and sum(cached.nbytes for cached in self._lists) < _MOST_BYTES
        if thrashing and roomy:
            self.capacity *= 2
            self._misses = 0

    def _complete(self, cached: _CachedList, positions: FloatArray, cell: FloatArray, pbc: Periodicity) -> bool:
        """Whether the list holds every edge within the cutoff; the class explains the criterion."""
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
        # Two atoms tell most lists of other frames apart: |u_i - u_j| <= 2 max|u|.
        spread = (positions[-1] - reference[-1]) - (positions[0] - reference[0])
        if stretch * (self.cutoff + float(np.sqrt(spread @ spread))) > self.cutoff + self.skin:
            return False
        moved = positions - reference
        moved -= moved.mean(axis=0)
        furthest = float(np.sqrt(np.einsum("ij,ij->i", moved, moved).max()))
        if furthest == 0.0 and stretch == 1.0:
            return True
        margin = rounding(positions, cell) + rounding(cached.positions, cached.cell)
        return stretch * (self.cutoff + 2.0 * furthest) + margin <= self.cutoff + self.skin
