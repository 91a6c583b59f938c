"""What an expert is: a strictly local energy model that sees the edges of one atom at a time."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from moe_ipi.typing import FloatArray, IntArray


@dataclass(frozen=True)
class Environments:
    """The environments of C atoms (centres), possibly of several frames, as E edges.

    Attributes:
        vectors: (E, 3) float64, A: position of the neighbour minus position of the centre.
        centers: (E,) int64, ascending: which centre an edge belongs to, 0 <= c < C.
            A centre may have no edge.
        center_types: (C,) int64: index into the expert's ``species``.
        neighbor_types: (E,) int64: likewise, of the neighbour at the other end of each edge.
    """

    vectors: FloatArray
    centers: IntArray
    center_types: IntArray
    neighbor_types: IntArray


class Expert(ABC):
    """A strictly local potential: the energy of an atom depends only on the edges centred on it.

    Attributes:
        species: chemical symbols the expert knows; types are indices into it.
        cutoff: length in A beyond which an edge has no effect on the energy.
    """

    species: tuple[str, ...]
    cutoff: float

    @property
    def chunk(self) -> int:
        """About how many edges a call of :meth:`evaluate` should have: more take more memory, and no less time."""
        return 100_000

    @property
    def concurrency(self) -> int:
        """How many calls of :meth:`evaluate` may run at once, in threads."""
        return 1

    @abstractmethod
    def evaluate(self, environments: Environments) -> tuple[FloatArray, FloatArray]:
        """Energies of the centres and their derivatives.

        Returns:
            energies (C,) in eV, the per-type shift included, and gradients (E, 3) in eV/A: the
            derivative of the sum of the energies with respect to each edge vector.
        """
