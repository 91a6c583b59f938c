"""Which atoms belong to the complex expert."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from moe_ipi.config import AgreementRule, CentrosymmetryRule, CoordinationRule, IndicesRule, RegionsConfig
from moe_ipi.errors import ConfigError, StructureError
from moe_ipi.neighbors import checked_structure
from moe_ipi.regions import kernels
from moe_ipi.regions.frame import TOLERANCE, Frame
from moe_ipi.regions.rules import coordination_counts, coordination_seeds, indices_seeds, seeds

BoolArray = NDArray[np.bool_]


class Partitioner:
    """Rules give seeds, seeds grow by a radius, frames combine by union.

    An atom is complex if, in any frame, it is a seed or some periodic image of it lies within the radius of a
    seed (straight distance, bound included), or if the experts disagree on it.  The result depends on nothing else: not
    on how atoms are wrapped, not on their order, not on which vectors span the lattice.  Bounds are inclusive to
    within 1e-6 A.  What was before is remembered by :class:`moe_ipi.regions.tracker.Tracker`, not here.

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
        cutoffs = [rule.cutoff for rule in regions.rules if isinstance(rule, (CoordinationRule, CentrosymmetryRule))]
        self._reach = max([regions.outer, *cutoffs])
        nowhere = Frame(self._species, np.zeros((len(self.species), 3)), np.zeros((3, 3)), (False,) * 3, self._reach)
        for number, rule in enumerate(regions.rules):
            if isinstance(rule, IndicesRule):
                indices_seeds(rule, nowhere, f"regions.rules.{number}")

    def assign(
        self,
        positions: ArrayLike,
        cells: ArrayLike,
        pbc: ArrayLike = (True, True, True),
        *,
        disagreement: ArrayLike | None = None,
        previous: BoolArray | None = None,
        coordination: Mapping[int, ArrayLike] | None = None,
    ) -> BoolArray:
        """The assignment of the atoms, one for all frames.

        Args:
            positions: (B, N, 3) or (N, 3), A; need not be wrapped.
            cells: (B, 3, 3) or (3, 3), A; rows are lattice vectors.  One cell serves all frames.
            pbc: (3,) bool, of all frames.
            disagreement: (B, N) or (N,), eV, how much the experts differ on every atom; for ``agreement`` rules.
            previous: (N,) bool, the assignment until now: its complex atoms stay so within the outer radius.
            coordination: for coordination rules by their number, (B, N) numbers of neighbours to be used instead of
                those in the frames.

        Returns:
            (N,) bool: True for atoms of the complex expert.

        Raises:
            StructureError: wrong shapes, numbers that are not finite (``disagreement`` included), a singular or
                collapsed cell.
            ConfigError: a slab or box that cannot be told in this cell (the message names the rule), or a rule of type
                ``agreement`` without ``disagreement``.
        """
        assignment = np.zeros(len(self.species), bool)
        frames = 0
        for frame in self._frames(positions, cells, pbc):
            counts = {rule: np.asarray(values)[frames] for rule, values in (coordination or {}).items()}
            frames += 1
            chosen = self._seeds(frame, counts)
            assignment |= self._grown(chosen, frame, self.regions.inner)
            if previous is not None and self.regions.outer > self.regions.inner:
                assignment |= previous & self._grown(chosen, frame, self.regions.outer)
        for number, rule in enumerate(self.regions.rules):
            if isinstance(rule, AgreementRule):
                if disagreement is None:
                    raise ConfigError(
                        f"regions.rules.{number}: a rule of type 'agreement' needs the experts; remove it"
                    )
                values = np.atleast_2d(np.asarray(disagreement, dtype=np.float64))
                if values.shape != (frames, len(self.species)):
                    raise StructureError(
                        f"disagreement must have the shape ({frames}, {len(self.species)}), not {values.shape}"
                    )
                # Whatever is not a number compares as small, and would make the atom bulk.
                if not np.isfinite(values).all():
                    raise StructureError("the disagreement of the experts is not finite for every atom")
                assignment |= (np.abs(values) > rule.tolerance).any(axis=0)
        return assignment

    def coordination(
        self, rules: Sequence[int], positions: ArrayLike, cells: ArrayLike, pbc: ArrayLike
    ) -> NDArray[np.int64]:
        """(len(rules), B, N) numbers of neighbours by coordination rules; other arguments as for :meth:`assign`."""
        counts = [
            [coordination_counts(self.regions.rules[rule], frame) for rule in rules]
            for frame in self._frames(positions, cells, pbc)
        ]
        return np.array(counts, np.int64).swapaxes(0, 1)

    def _frames(self, positions: ArrayLike, cells: ArrayLike, pbc: ArrayLike) -> Iterator[Frame]:
        """One frame after the other, so that only one list of pairs is kept at a time."""
        positions, cells = np.asarray(positions, dtype=np.float64), np.asarray(cells, dtype=np.float64)
        count = len(self.species)
        if positions.ndim not in (2, 3) or positions.shape[-2:] != (count, 3):
            raise StructureError(f"positions must have the shape (B, {count}, 3), not {positions.shape}")
        if positions.ndim == 2:
            positions = positions[np.newaxis]
        if cells.shape not in ((3, 3), (len(positions), 3, 3)):
            raise StructureError(f"cells must have the shape ({len(positions)}, 3, 3), not {cells.shape}")
        cells = np.broadcast_to(cells, (len(positions), 3, 3))
        for r, cell in zip(positions, cells, strict=True):
            yield Frame(self._species, *checked_structure(r, cell, pbc), self._reach)

    def _seeds(self, frame: Frame, counts: Mapping[int, NDArray[np.float64]]) -> BoolArray:
        chosen = np.zeros(len(self.species), bool)
        for number, rule in enumerate(self.regions.rules):
            if number in counts:
                chosen |= coordination_seeds(rule, frame, counts[number])
            else:
                chosen |= seeds(rule, frame, f"regions.rules.{number}")
        return chosen

    def _grown(self, chosen: BoolArray, frame: Frame, radius: float) -> BoolArray:
        if radius == 0.0 or not chosen.any() or chosen.all():
            return chosen
        pairs = frame.pairs
        return kernels.grow(chosen, pairs.centers, pairs.neighbors, frame.squares, radius + TOLERANCE)
