"""The assignment in the course of a run: a partition that remembers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from moe_ipi.config import CoordinationRule, RegionsConfig
from moe_ipi.errors import StructureError
from moe_ipi.regions.partitioner import Partitioner
from moe_ipi.typing import BoolArray, IntArray


class Tracker:
    """Partitions at the boundaries of segments, with hysteresis, dwell and averages.

    A bulk atom becomes complex at once when it lies within the inner radius of a seed.  A complex atom becomes
    bulk when it lies beyond the outer radius of all seeds in all frames and has been complex for ``dwell`` segments
    or more.  Coordination rules with ``average`` take the mean number of neighbours, in each frame, over the samples of
    the segment that ends.  A sample counts when it is taken: whoever calls decides whether the structure at the
    boundary is one (in a run of i-PI it is if the number of its step is a multiple of ``sample_steps``).
    Without samples they take the present structure.

    Args:
        regions: the ``[regions]`` table.
        species: (N,) chemical symbols.

    Raises:
        ConfigError: see :class:`Partitioner`.
    """

    def __init__(self, regions: RegionsConfig, species: Sequence[str]) -> None:
        self._partitioner = Partitioner(regions, species)
        self._dwell = regions.dwell
        averaged = {k: r for k, r in enumerate(regions.rules) if isinstance(r, CoordinationRule) and r.average}
        self._averaged = list(averaged)
        #: What is averaged, to know whether sums from elsewhere are of the same.
        self._counted = [[rule.cutoff, *sorted(rule.species)] for rule in averaged.values()]
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
        """Take a sample for the averages; arguments and errors as for :meth:`Partitioner.assign`.

        With another number of frames than in the samples before, the averages begin anew.
        """
        if not self._averaged:
            return
        counts = self._partitioner.coordination(self._averaged, positions, cells, pbc)
        if self._sums is None or self._sums.shape != counts.shape:
            self._sums, self._samples = np.zeros_like(counts), 0
        self._sums += counts
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
        frames = np.shape(positions)[0] if np.ndim(positions) == 3 else 1
        # A run may be continued with the centroid instead of the beads: then these samples are of other frames.
        if self._sums is not None and self._sums.shape[1] == frames:
            averages = dict(zip(self._averaged, self._sums / self._samples, strict=True))
        previous = self._assignment if self._assignment is not None else np.zeros(len(self._age), bool)
        age = np.where(previous, np.minimum(self._age + 1, self._dwell), 0)
        new = self._partitioner.assign(
            positions, cells, pbc, disagreement=disagreement, previous=previous, coordination=averages
        )
        new |= previous & (age < self._dwell)
        age[~new] = 0
        self._assignment, self._age, self._sums, self._samples = new, age, None, 0
        return new.copy()

    def state(self) -> dict[str, Any]:
        """What is remembered besides the assignment; JSON keeps it exactly, and equal states give equal text."""
        sums = None if self._sums is None else self._sums.tolist()
        return {"age": self._age.tolist(), "counted": self._counted, "samples": self._samples, "sums": sums}

    def restore(self, assignment: BoolArray, state: Mapping[str, Any] | None) -> None:
        """Continue where another tracker stopped.

        Args:
            assignment: (N,) bool, its assignment.
            state: what its :meth:`state` gave; ``None`` if that is lost: then complex atoms may leave at once.

        Raises:
            StructureError: they are of another number of atoms, or not a state.
        """
        natoms = len(self._age)
        assignment = np.array(assignment, bool)
        age, sums, samples = np.where(assignment, self._dwell, 0), None, 0
        if state is not None:
            try:
                age = _whole(state["age"], 1)
                sums = None if state["sums"] is None else _whole(state["sums"], 3)
                samples, counted = int(_whole(state["samples"], 0)), state["counted"]
            except (KeyError, ValueError, TypeError, OverflowError) as error:
                raise StructureError(
                    "the memory of the regions is damaged: continue from another checkpoint"
                ) from error
        arrays = (assignment, age) if sums is None else (assignment, age, sums)
        for array in arrays:
            if array.shape[-1] != natoms:
                raise StructureError(
                    f"the memory of the regions is of {array.shape[-1]} atoms, and there are {natoms}: "
                    "continue from a checkpoint of this run"
                )
        self._assignment = assignment
        self._age = np.minimum(age, self._dwell)
        # With other rules in the config than before, averages begin anew.
        same = sums is not None and samples > 0 and counted == self._counted and len(sums) == len(self._averaged)
        self._sums, self._samples = (sums, samples) if same else (None, 0)


def _whole(values: Any, ndim: int) -> IntArray:
    """Whole numbers, none negative.

    Raises:
        ValueError, TypeError, OverflowError: they are not, or not of so many dimensions.
    """
    array = np.array(values)
    if array.ndim != ndim or array.dtype.kind != "i" or (array < 0).any():
        raise ValueError("not an array of whole numbers")
    return array.astype(np.int64)
