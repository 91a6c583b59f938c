"""An expert whose energies count from another reference."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from moe_ipi.errors import ModelError
from moe_ipi.experts.expert import Environments, Expert
from moe_ipi.typing import FloatArray


class OffsetExpert(Expert):
    """Another expert, with a constant added to the energy of every atom of an element.

    Forces stay what they are; what changes is the energy that an atom gains or loses with its expert.

    Args:
        expert: the other one.
        offsets: eV, by element.
        name: what to call the expert in messages.

    Raises:
        ModelError: an element is not one of the expert's.
    """

    def __init__(self, expert: Expert, offsets: Mapping[str, float], name: str) -> None:
        unknown = sorted(set(offsets) - set(expert.species))
        if unknown:
            raise ModelError(
                f"experts.{name}.offsets has {' '.join(unknown)}, which the {name} expert does not know "
                f"(it knows {' '.join(expert.species)}); remove it"
            )
        self.species, self.cutoff = expert.species, expert.cutoff
        self._expert = expert
        self._offsets = np.array([offsets.get(symbol, 0.0) for symbol in expert.species])

    @property
    def chunk(self) -> int:
        """See :attr:`Expert.chunk`."""
        return self._expert.chunk

    @property
    def concurrency(self) -> int:
        """See :attr:`Expert.concurrency`."""
        return self._expert.concurrency

    def evaluate(self, environments: Environments) -> tuple[FloatArray, FloatArray]:
        """See :meth:`Expert.evaluate`."""
        energies, gradients = self._expert.evaluate(environments)
        return energies + self._offsets[environments.center_types], gradients
