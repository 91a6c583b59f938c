"""Which atoms belong to the complex expert."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike

from moe_ipi.config import (
    AgreementRule,
    CentrosymmetryRule,
    CoordinationRule,
    IndicesRule,
    RegionsConfig,
    SpeciesRule,
)
from moe_ipi.errors import ConfigError, StructureError
from moe_ipi.frames import PERIODIC, Frames, checked_frames
from moe_ipi.nearest import nearest_distances
from moe_ipi.regions.frame import TOLERANCE, Frame
from moe_ipi.regions.rules import coordination_counts, coordination_seeds, seeds
from moe_ipi.typing import BoolArray, FloatArray, IntArray


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
        self._reach = max(cutoffs, default=0.0)
        self.fixed_seeds()

    def assign(
        self,
        positions: ArrayLike,
        cells: ArrayLike,
        pbc: ArrayLike = PERIODIC,
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
        return self.assign_frames(
            self._checked(positions, cells, pbc),
            disagreement=disagreement,
            previous=previous,
            coordination=coordination,
        )

    def assign_frames(
        self,
        frames: Frames,
        *,
        disagreement: ArrayLike | None = None,
        previous: BoolArray | None = None,
        coordination: Mapping[int, ArrayLike] | None = None,
    ) -> BoolArray:
        """:meth:`assign` for structures that were checked.

        Raises:
            StructureError: they have another number of atoms.
        """
        if frames.positions.shape[1] != len(self.species):
            raise StructureError(
                f"the rules are for {len(self.species)} atoms, and the structure has {frames.positions.shape[1]}"
            )
        assignment = np.zeros(len(self.species), bool)
        for k, frame in enumerate(self._frames(frames)):
            counts = {rule: np.asarray(values)[k] for rule, values in (coordination or {}).items()}
            chosen = self._seeds(frame, counts)
            outer = self.regions.inner if previous is None else self.regions.outer
            distances = nearest_distances(frame.positions, frame.cell, frame.pbc, chosen, outer + TOLERANCE)
            assignment |= self._within(distances, self.regions.inner)
            if previous is not None:
                assignment |= previous & self._within(distances, outer)
        return assignment | self._disagreeing(disagreement, len(frames))

    def _disagreeing(self, disagreement: ArrayLike | None, frames: int) -> BoolArray:
        """(N,) atoms on which the experts disagree by more than an ``agreement`` rule allows, in any frame."""
        chosen = np.zeros(len(self.species), bool)
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
                chosen |= (np.abs(values) > rule.tolerance).any(axis=0)
        return chosen

    def coordination(self, rules: Sequence[int], positions: ArrayLike, cells: ArrayLike, pbc: ArrayLike) -> IntArray:
        """(len(rules), B, N) numbers of neighbours by coordination rules; other arguments as for :meth:`assign`."""
        chosen = [rule for rule in map(self.regions.rules.__getitem__, rules) if isinstance(rule, CoordinationRule)]
        counts = [
            [coordination_counts(rule, frame) for rule in chosen]
            for frame in self._frames(self._checked(positions, cells, pbc))
        ]
        return np.array(counts, np.int64).swapaxes(0, 1)

    def fixed_seeds(self) -> BoolArray:
        """(N,) the seeds of rules that ask for no positions: ``species`` and ``indices``."""
        nowhere = np.zeros((len(self.species), 3))
        frame = Frame(self._species, nowhere, np.zeros((3, 3)), (False, False, False), self._reach)
        chosen = np.zeros(len(self.species), bool)
        for number, rule in enumerate(self.regions.rules):
            if isinstance(rule, (IndicesRule, SpeciesRule)):
                chosen |= seeds(rule, frame, f"regions.rules.{number}")
        return chosen

    def seeds_by_rule(self, frames: Frames) -> BoolArray:
        """(rules, N) the seeds of each rule alone, in any of the frames; none for rules of type ``agreement``."""
        chosen = np.zeros((len(self.regions.rules), len(self.species)), bool)
        for frame in self._frames(frames):
            for number, rule in enumerate(self.regions.rules):
                chosen[number] |= seeds(rule, frame, f"regions.rules.{number}")
        return chosen

    def _checked(self, positions: ArrayLike, cells: ArrayLike, pbc: ArrayLike) -> Frames:
        """One structure is a batch of one, and one cell serves all."""
        r, h = np.asarray(positions, dtype=np.float64), np.asarray(cells, dtype=np.float64)
        if r.ndim == 2:
            r = r[np.newaxis]
        if h.shape == (3, 3):
            h = np.broadcast_to(h, (len(r), 3, 3))
        return checked_frames(r, h, pbc, natoms=len(self.species))

    def _frames(self, frames: Frames) -> Iterator[Frame]:
        """One frame after the other, so that only one list of edges is kept at a time."""
        for positions, cell in frames:
            yield Frame(self._species, positions, cell, frames.pbc, self._reach)

    def _seeds(self, frame: Frame, counts: Mapping[int, FloatArray]) -> BoolArray:
        chosen = np.zeros(len(self.species), bool)
        for number, rule in enumerate(self.regions.rules):
            if isinstance(rule, CoordinationRule) and number in counts:
                chosen |= coordination_seeds(rule, frame, counts[number])
            else:
                chosen |= seeds(rule, frame, f"regions.rules.{number}")
        return chosen

    @staticmethod
    def _within(distances: FloatArray, radius: float) -> BoolArray:
        """(N,) atoms this close to a seed; without a radius the seeds alone, whatever lies where they do."""
        within: BoolArray = distances <= (radius + TOLERANCE if radius > 0.0 else 0.0)
        return within
