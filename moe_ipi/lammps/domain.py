"""What one rank computes: its atoms, their pairs, and both experts."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from moe_ipi.errors import StructureError
from moe_ipi.experts.environments import check_all_known, check_known, evaluate_in_chunks, types_of
from moe_ipi.experts.expert import Environments, Expert
from moe_ipi.jit import jit
from moe_ipi.typing import BoolArray, FloatArray, Hamiltonian, IntArray

Int32Array = NDArray[np.int32]


class Domain:
    """Both experts for the atoms of one rank, whatever holds the others.

    The types of the atoms encode element and expert: with n elements, 1..n are these under the bulk expert and n+1..2n
    under the complex expert.  Of a neighbour only the element matters.

    Args:
        complex, bulk: the experts.
    """

    def __init__(self, complex: Expert, bulk: Expert) -> None:
        self.complex = complex
        self.bulk = bulk
        self.elements: tuple[str, ...] = ()
        #: Which energy is computed, see :class:`moe_ipi.potential.MoEPotential`.
        self.hamiltonian: Hamiltonian = "moe"
        #: CPU seconds of an atom, by expert: the least that was measured, as the first evaluation compiles.
        self.costs: dict[Expert, float] = {}
        self._tables: dict[Expert, IntArray] = {}

    @property
    def cutoff(self) -> float:
        """A, the larger one of the experts'."""
        return max(self.complex.cutoff, self.bulk.cutoff)

    def take_elements(self, symbols: Sequence[str]) -> None:
        """Say which elements the types 1..n are.

        Raises:
            StructureError: neither expert knows one, or one is named twice.
        """
        check_all_known(symbols, self.complex, self.bulk, "the first half of the types, each by its symbol, has")
        if len(set(symbols)) < len(symbols):
            raise StructureError(f"the types are of {' '.join(symbols)}: each element is one type under each expert")
        self.elements = tuple(symbols)
        self._tables = {e: types_of(e, symbols) for e in (self.complex, self.bulk)}

    def evaluate(
        self, types: Int32Array, centers: Int32Array, neighbors: Int32Array, vectors: FloatArray, count: int
    ) -> tuple[FloatArray, FloatArray]:
        """Energies of the rank's own atoms and their derivatives along its pairs.

        Args:
            types: (M,) 1..2n, of the rank's own atoms and then of the ghosts.
            centers: (P,) ascending, below ``count``.
            neighbors: (P,) below M.
            vectors: (P, 3) A, from centre to neighbour; longer ones than the expert's cutoff count for nothing.
            count: of the rank's own atoms.

        Returns:
            energies (count,) eV, and gradients (P, 3) eV/A: the derivatives of their sum.

        Raises:
            StructureError: a number coming out is not finite, or an atom (or a neighbour of one) is of an element that
                its expert does not know.
        """
        n = len(self.elements)
        elements = (types.astype(np.int64) - 1) % n
        complex = types[:count] > n
        energies, gradients = np.zeros(count), np.zeros_like(vectors)
        for expert, mine, sign in self._terms(complex):
            owned = np.flatnonzero(mine)
            if len(owned) == 0:
                continue
            rank = np.full(count, -1, np.int64)
            rank[owned] = np.arange(len(owned))
            kinds = self._tables[expert][elements]
            pairs, selected, owners, types_there = _owned_edges(vectors, centers, neighbors, rank, kinds, expert.cutoff)
            environments = Environments(
                vectors=selected, centers=owners, center_types=kinds[owned], neighbor_types=types_there
            )
            check_known(environments, "complex" if expert is self.complex else "bulk", expert, self.elements)
            start = time.process_time()
            e, g = evaluate_in_chunks(expert, environments)
            cost = (time.process_time() - start) / len(owned)
            self.costs[expert] = min(cost, self.costs.get(expert, cost))
            energies[owned] += sign * e
            _add_gradients(gradients, pairs, g, sign)
        if not (np.isfinite(energies).all() and np.isfinite(gradients).all()):
            raise StructureError(
                "the experts returned an energy or force that is not finite; the structure is probably far from "
                "what they were trained on (look at the last frame, use a smaller time step)"
            )
        return energies, gradients

    def _terms(self, complex: BoolArray) -> list[tuple[Expert, BoolArray, float]]:
        """Which expert is evaluated for which of the rank's own atoms (count,), and with which sign it enters."""
        match self.hamiltonian:
            case "bulk":
                return [(self.bulk, np.ones_like(complex), 1.0)]
            case "complex":
                return [(self.complex, np.ones_like(complex), 1.0)]
            case "correction":
                return [(self.complex, complex, 1.0), (self.bulk, complex, -1.0)]
            case _:
                return [(self.complex, complex, 1.0), (self.bulk, ~complex, 1.0)]


@jit()
def _owned_edges(
    vectors: FloatArray, centers: Int32Array, neighbors: Int32Array, rank: IntArray, kinds: IntArray, cutoff: float
) -> tuple[IntArray, FloatArray, IntArray, IntArray]:
    """Pairs whose centre an expert owns and which are not longer than its cutoff.

    Args:
        vectors, centers, neighbors: (P,) all pairs.
        rank: (count,) index of an atom among those that the expert owns, -1 where it does not.
        kinds: (M,) types of all atoms as the expert counts them.
        cutoff: A.

    Returns:
        which pairs (E,), their vectors (E, 3) A, ranks of their centres (E,), types of their neighbours (E,).
    """
    found = np.empty(len(centers), np.int64)
    n = 0
    for p in range(len(centers)):
        if rank[centers[p]] < 0:
            continue
        x, y, z = vectors[p, 0], vectors[p, 1], vectors[p, 2]
        if x * x + y * y + z * z <= cutoff * cutoff:
            found[n] = p
            n += 1
    selected, owners, types = np.empty((n, 3)), np.empty(n, np.int64), np.empty(n, np.int64)
    for e in range(n):
        p = found[e]
        for a in range(3):
            selected[e, a] = vectors[p, a]
        owners[e] = rank[centers[p]]
        types[e] = kinds[neighbors[p]]
    return found[:n].copy(), selected, owners, types


@jit()
def _add_gradients(gradients: FloatArray, pairs: IntArray, part: FloatArray, sign: float) -> None:
    """Add those of some pairs (E, 3) to those of all (P, 3), in place."""
    for e in range(len(pairs)):
        for a in range(3):
            gradients[pairs[e], a] += sign * part[e, a]
