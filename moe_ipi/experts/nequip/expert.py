"""NequIP-framework models as experts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from moe_ipi.elements import is_element
from moe_ipi.errors import ModelError
from moe_ipi.experts.expert import Environments, Expert
from moe_ipi.typing import FloatArray

Tensor = torch.Tensor
#: (edge vectors (E, 3), edge index (2, E), types (nodes,)) -> atomic energies (nodes,), gradients (E, 3)
EdgeFunction = Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]
#: A function that loads an expert, and its arguments.
Reload = tuple[Callable[..., Expert], tuple[Any, ...]]


@dataclass(frozen=True)
class Description:
    """What a model says of itself.

    Attributes:
        type_names: must be chemical symbols.
        cutoff: A.
        name: what to call the expert in messages.
    """

    type_names: tuple[str, ...]
    cutoff: float
    name: str


class NequipExpert(Expert):
    """A NequIP-framework model evaluated on environments.

    The model gets the edge vectors themselves.  A neighbour matters to a strictly local model only
    through its type, so one node per type stands for all neighbours, whatever their number; the
    energies of those nodes are dropped, and with them their shifts.

    A pickled expert is loaded from its file again; a deep copy is the same expert, which has no state.

    Args:
        function: the model.
        description: its types, cutoff and name.
        device: where ``function`` runs.
        again: function and arguments that load it again; without, it cannot be pickled.
        concurrency: how many calls ``function`` bears at once.

    Attributes:
        choose_chunk: decides about :attr:`chunk` when it is first needed (the number of threads is known by then).

    Raises:
        ModelError: a type name is not a chemical symbol.
    """

    def __init__(
        self,
        function: EdgeFunction,
        description: Description,
        device: torch.device,
        again: Reload | None = None,
        concurrency: int = 1,
    ) -> None:
        wrong = [t for t in description.type_names if not is_element(t)]
        if wrong:
            raise ModelError(
                f"the {description.name} expert's type names must be chemical symbols, but it has {' '.join(wrong)}; "
                "retrain it with model type_names such as [Pt, C, O]"
            )
        self._function = function
        self.species = description.type_names
        self.cutoff = description.cutoff
        self.name = description.name
        self.device = device
        self._again = again
        self.choose_chunk: Callable[[NequipExpert], int] = lambda expert: expert.default_chunk
        self._chunk: int | None = None
        self._concurrency = concurrency

    @property
    def concurrency(self) -> int:
        """See :attr:`Expert.concurrency`."""
        return self._concurrency

    @property
    def default_chunk(self) -> int:
        """The number of edges at once where nothing was measured."""
        return 4_000 if self.device.type == "cpu" else 100_000

    @property
    def chunk(self) -> int:
        """See :attr:`Expert.chunk`."""
        if self._chunk is None:
            self._chunk = self.choose_chunk(self)
        return self._chunk

    def __reduce__(self) -> tuple[Any, ...]:
        if self._again is None:
            raise ModelError(f"the {self.name} expert was made in memory and cannot be pickled; load it from a file")
        return self._again

    def __deepcopy__(self, memo: dict[int, Any]) -> NequipExpert:
        return self

    def evaluate(self, environments: Environments) -> tuple[FloatArray, FloatArray]:
        """See :meth:`Expert.evaluate`."""
        n_centers, n_edges = len(environments.center_types), len(environments.centers)
        if n_centers == 0:
            return np.zeros(0), np.zeros((0, 3))
        vectors, centers = environments.vectors, environments.centers
        neighbors = n_centers + environments.neighbor_types
        if n_edges < 2:
            # Compiled models want two edges at least: the padding belongs to a type node.
            vectors = np.concatenate([vectors, np.tile([0.9 * self.cutoff, 0.0, 0.0], (2, 1))])
            centers = np.concatenate([centers, [n_centers, n_centers]])
            neighbors = np.concatenate([neighbors, [n_centers, n_centers]])
        types = np.concatenate([environments.center_types, np.arange(len(self.species))])
        energies, gradients = self._function(
            torch.from_numpy(vectors).to(self.device),
            torch.from_numpy(np.stack([centers, neighbors])).to(self.device),
            torch.from_numpy(types).to(self.device),
        )
        return to_numpy(energies)[:n_centers].reshape(n_centers), to_numpy(gradients)[:n_edges]


def to_numpy(tensor: Tensor) -> FloatArray:
    """A float64 array of any tensor."""
    array: FloatArray = tensor.detach().to("cpu", torch.float64).numpy()
    return array
