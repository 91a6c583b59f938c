"""Which atoms belong to the complex expert."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from moe_ipi.config import CoordinationRule, IndicesRule, RegionsConfig
from moe_ipi.errors import StructureError
from moe_ipi.neighbors import checked_structure
from moe_ipi.regions import kernels
from moe_ipi.regions.frame import TOLERANCE, Frame
from moe_ipi.regions.rules import indices_seeds, seeds


class Partitioner:
    """Rules give seeds, seeds grow by a radius, frames combine by union.

    An atom is complex if, in any frame, it is a seed or some periodic image of it lies within the radius of a
    seed (straight distance, bound included).  The result depends on nothing else: not on how atoms are wrapped, not on
    their order, not on which vectors span the lattice.  Bounds are inclusive to within 1e-6 A.

    Args:
        regions: the ``[regions]`` table.  Without rules every atom is bulk.
        species: (N,) chemical symbols.  Rules may name elements that are not among them.

    Raises:
        ConfigError: an index of an ``indices`` rule is out of range.
    """

    def __init__(self, regions: RegionsConfig, species: Sequence[str]) -> None:
        self.regions = regions
        self.species = tuple(species)
        self._species = np.array(self.species, dtype=np.str_)
        cutoffs = [rule.cutoff for rule in regions.rules if isinstance(rule, CoordinationRule)]
        self._reach = max([regions.radius, *cutoffs])
        nowhere = Frame(self._species, np.zeros((len(self.species), 3)), np.zeros((3, 3)), (False,) * 3, self._reach)
        for number, rule in enumerate(regions.rules):
            if isinstance(rule, IndicesRule):
                indices_seeds(rule, nowhere, f"regions.rules.{number}")

    def assign(self, positions: ArrayLike, cells: ArrayLike, pbc: ArrayLike = (True, True, True)) -> NDArray[np.bool_]:
        """The assignment of the atoms, one for all frames.

        Args:
            positions: (B, N, 3) or (N, 3), A; need not be wrapped.
            cells: (B, 3, 3) or (3, 3), A; rows are lattice vectors.  One cell serves all frames.
            pbc: (3,) bool, of all frames.

        Returns:
            (N,) bool: True for atoms of the complex expert.

        Raises:
            StructureError: wrong shapes, numbers that are not finite, a singular or collapsed cell.
            ConfigError: a slab or box that cannot be told in this cell (the message names the rule).
        """
        positions, cells = np.asarray(positions, dtype=np.float64), np.asarray(cells, dtype=np.float64)
        count = len(self.species)
        if positions.ndim not in (2, 3) or positions.shape[-2:] != (count, 3):
            raise StructureError(f"positions must have the shape (B, {count}, 3), not {positions.shape}")
        if positions.ndim == 2:
            positions = positions[np.newaxis]
        if cells.shape not in ((3, 3), (len(positions), 3, 3)):
            raise StructureError(f"cells must have the shape ({len(positions)}, 3, 3), not {cells.shape}")
        cells = np.broadcast_to(cells, (len(positions), 3, 3))
        assignment = np.zeros(count, bool)
        for frame_positions, cell in zip(positions, cells, strict=True):
            frame = Frame(self._species, *checked_structure(frame_positions, cell, pbc), self._reach)
            assignment |= self._assign_one(frame)
        return assignment

    def _assign_one(self, frame: Frame) -> NDArray[np.bool_]:
        chosen = np.zeros(len(self.species), bool)
        for number, rule in enumerate(self.regions.rules):
            chosen |= seeds(rule, frame, f"regions.rules.{number}")
        if self.regions.radius == 0.0 or not chosen.any() or chosen.all():
            return chosen
        pairs = frame.pairs
        reach = self.regions.radius + TOLERANCE
        return kernels.grow(chosen, pairs.centers, pairs.neighbors, frame.squares, reach)
