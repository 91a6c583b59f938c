"""One structure as the rules see it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from moe_ipi.edges import Edges, full_list
from moe_ipi.regions import kernels
from moe_ipi.typing import FloatArray, Periodicity

#: A.  Atoms this close to a bound (of a slab, a box, the radius, a cutoff) count as inside: rounding, as wrapping or
#: another choice of lattice vectors brings about, must not decide.
TOLERANCE = 1e-6


@dataclass(frozen=True)
class Frame:
    """N atoms.

    Attributes:
        species: (N,) chemical symbols.
        positions: (N, 3) float64, A.
        cell: (3, 3) float64, A; rows are lattice vectors, those of directions that are not periodic mean nothing.
        pbc: periodicity of the three directions.
        reach: A, the longest distance between neighbours that any rule will ask for.
    """

    species: NDArray[np.str_]
    positions: FloatArray
    cell: FloatArray
    pbc: Periodicity
    reach: float

    @cached_property
    def edges(self) -> Edges:
        """All edges within ``reach`` and the tolerance; built when first needed."""
        return full_list(self.positions, self.cell, self.pbc, self.reach + TOLERANCE)

    @cached_property
    def squares(self) -> FloatArray:
        """(P,) squared lengths (A^2) of ``edges``."""
        edges = self.edges
        return kernels.squared_distances(self.positions, self.cell, edges.centers, edges.neighbors, edges.shifts)

    @cached_property
    def lattice(self) -> FloatArray:
        """(k, 3) the periodic lattice vectors, k = 0 to 3."""
        vectors: FloatArray = self.cell[np.array(self.pbc)]
        return vectors
