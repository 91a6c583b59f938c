"""The assignment in the course of a run: a partition that remembers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from moe_ipi.config import CoordinationRule, RegionsConfig
from moe_ipi.errors import StructureError
from moe_ipi.regions.partitioner import Partitioner

BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.int64]


class Tracker:
    """Partitions at the boundaries of segments, with hysteresis, dwell and averages.

    A bulk atom becomes complex at once when it lies within the inner radius of a seed.  A complex atom becomes
    bulk when it lies beyond the outer radius of all seeds in all frames and has been complex for ``dwell`` segments
    or more.  Coordination rules with ``average`` take the mean number of neighbours, in each frame, over the samples of
    the segment that ends; without samples they take the present structure.

    Args:
        regions: the ``[regions]`` table.
        species: (N,) chemical symbols.

    Raises:
        ConfigError: see :class:`Partitioner`.
    """

    def __init__(self, regions: RegionsConfig, species: Sequence[str]) -> None:
        self._partitioner = Partitioner(regions, species)
        self._dwell = regions.dwell
        self._averaged = [
            number for number, rule in enumerate(regions.rules) if isinstance(rule, CoordinationRule) and rule.average
        ]
        self._assignment: BoolArray | None = None
        #: For how many segments each atom has been complex; counted up to ``dwell``.
        self._age: IntArray = np.zeros(len(self._partitioner.species), np.int64)
        self._samples = 0
        #: (averaged rules, B, N) numbers of neighbours, summed over the samples.  Whole numbers: no rounding.
        self._sums: IntArray | None = None

    @property
    def assignment(self) -> BoolArray | None:
        """(N,) bool, True for complex atoms; ``None`` before the first update."""
        return None if self._assignment is None else self._assignment.copy()

    @property
    def needs_samples(self) -> bool:
        """Whether :meth:`sample` has a use."""
        return bool(self._averaged)

    @property
    def needs_disagreement(self) -> bool:
        """Whether :meth:`update` needs to know how much the experts differ."""
        return self._partitioner.regions.needs_disagreement

    def sample(self, positions: ArrayLike, cells: ArrayLike, pbc: ArrayLike) -> None:
        """Take a sample for the averages; arguments and errors as for :meth:`Partitioner.assign`, B always the same."""
        if not self._averaged:
            return
        counts = self._partitioner.coordination(self._averaged, positions, cells, pbc)
        self._sums = counts if self._sums is None else self._sums + counts
        self._samples += 1

    def update(
        self, positions: ArrayLike, cells: ArrayLike, pbc: ArrayLike, disagreement: ArrayLike | None = None
    ) -> BoolArray:
        """End a segment.

        Args:
            positions, cells, pbc: the present structures, see :meth:`Partitioner.assign`.
            disagreement: (B, N) eV, if :attr:`needs_disagreement`.

        Returns:
            (N,) bool, the assignment of the segment that begins.

        Raises:
            StructureError, ConfigError: see :meth:`Partitioner.assign`.
        """
        averages = {}
        if self._sums is not None:
            averages = dict(zip(self._averaged, self._sums / self._samples, strict=True))
        previous = self._assignment if self._assignment is not None else np.zeros(len(self._age), bool)
        self._age = np.where(previous, np.minimum(self._age + 1, self._dwell), 0)
        new = self._partitioner.assign(
            positions, cells, pbc, disagreement=disagreement, previous=previous, coordination=averages
        )
        new |= previous & (self._age < self._dwell)
        self._age[~(previous & new)] = 0
        self._assignment, self._sums, self._samples = new, None, 0
        return new.copy()

    def state(self) -> dict[str, Any]:
        """What is remembered besides the assignment; whole numbers and lists of them, so that JSON keeps it exactly."""
        sums = None if self._sums is None else self._sums.tolist()
        return {"age": self._age.tolist(), "samples": self._samples, "sums": sums}

    def restore(self, assignment: BoolArray, state: Mapping[str, Any] | None) -> None:
        """Continue where another tracker stopped.

        Args:
            assignment: (N,) bool, its assignment.
            state: what its :meth:`state` gave; ``None`` if that is lost: then complex atoms may leave at once.

        Raises:
            StructureError: they are of another number of atoms.
        """
        natoms = len(self._age)
        age = np.where(assignment, self._dwell, 0) if state is None else np.array(state["age"], np.int64)
        for array in (assignment, age):
            if array.shape != (natoms,):
                raise StructureError(f"the memory of the regions is of {len(array)} atoms, and there are {natoms}")
        self._assignment = assignment.copy()
        self._age = np.minimum(age, self._dwell)
        self._sums, self._samples = None, 0
        if state is not None and state["sums"] is not None:
            sums = np.array(state["sums"], np.int64)
            # With other rules in the config than before, averages begin anew.
            if sums.shape[::2] == (len(self._averaged), natoms):
                self._sums, self._samples = sums, int(state["samples"])
