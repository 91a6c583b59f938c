"""NequIP-framework models as experts."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from ase.data import atomic_numbers
from nequip.data import AtomicDataDict as Keys
from nequip.nn import graph_model

from moe_ipi.errors import ModelError
from moe_ipi.experts.expert import Expert, FloatArray, Stars
from moe_ipi.experts.locality import check_strictly_local

Tensor = torch.Tensor
#: (edge vectors (E, 3), edge index (2, E), types (nodes,)) -> atomic energies (nodes,), gradients (E, 3)
StarFunction = Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]


class NequipExpert(Expert):
    """A NequIP-framework model evaluated on stars of edges.

    The model gets the edge vectors themselves.  A neighbour matters to a strictly local model only
    through its type, so one node per type stands for all neighbours, whatever their number; the
    energies of those nodes are dropped, and with them their shifts.

    Args:
        function: the model.
        type_names: the model's type names, which must be chemical symbols.
        cutoff: A.
        device: where ``function`` runs.
        name: what to call the expert in messages.

    Raises:
        ModelError: a type name is not a chemical symbol.
    """

    def __init__(
        self, function: StarFunction, type_names: list[str], cutoff: float, device: torch.device, name: str
    ) -> None:
        wrong = [t for t in type_names if t not in atomic_numbers or t == "X"]
        if wrong:
            raise ModelError(
                f"the {name} expert's type names must be chemical symbols, but it has {' '.join(wrong)}; "
                "retrain it with model type_names such as [Pt, C, O]"
            )
        self._function = function
        self.species = tuple(type_names)
        self.cutoff = float(cutoff)
        self.device = device
        self.name = name

    def evaluate(self, stars: Stars) -> tuple[FloatArray, FloatArray]:
        """See :meth:`Expert.evaluate`."""
        n_centers, n_edges = len(stars.center_types), len(stars.centers)
        if n_centers == 0:
            return np.zeros(0), np.zeros((0, 3))
        vectors, centers = stars.vectors, stars.centers
        neighbors = n_centers + stars.neighbor_types
        if n_edges < 2:
            # Compiled models want two edges at least: the padding belongs to a type node.
            vectors = np.concatenate([vectors, np.tile([0.9 * self.cutoff, 0.0, 0.0], (2, 1))])
            centers = np.concatenate([centers, [n_centers, n_centers]])
            neighbors = np.concatenate([neighbors, [n_centers, n_centers]])
        types = np.concatenate([stars.center_types, np.arange(len(self.species))])
        energies, gradients = self._function(
            torch.from_numpy(vectors).to(self.device),
            torch.from_numpy(np.stack([centers, neighbors])).to(self.device),
            torch.from_numpy(types).to(self.device),
        )
        return (
            energies.detach()[:n_centers].reshape(n_centers).to("cpu", torch.float64).numpy(),
            gradients.detach()[:n_edges].to("cpu", torch.float64).numpy(),
        )


def expert_from_module(
    module: graph_model.GraphModel, *, name: str = "model", device: torch.device | str = "cpu"
) -> NequipExpert:
    """An eager expert from a model in memory, after checking that it is strictly local.

    Raises:
        ModelError: the model is not strictly local, or its type names are not chemical symbols.
    """
    device = torch.device(device)
    module = module.to(device).eval().requires_grad_(False)

    def on_stars(vectors: Tensor, edge_index: Tensor, types: Tensor) -> tuple[Tensor, Tensor]:
        out = module({Keys.EDGE_VECTORS_KEY: vectors, Keys.EDGE_INDEX_KEY: edge_index, Keys.ATOM_TYPE_KEY: types})
        return out[Keys.PER_ATOM_ENERGY_KEY], out[Keys.EDGE_FORCE_KEY]

    def on_graph(positions: Tensor, edge_index: Tensor, types: Tensor) -> Tensor:
        data = open_graph(positions, edge_index, types)
        return module(data)[Keys.PER_ATOM_ENERGY_KEY]

    metadata = module.metadata
    expert = NequipExpert(
        on_stars,
        metadata[graph_model.TYPE_NAMES_KEY].split(" "),
        float(metadata[graph_model.R_MAX_KEY]),
        device,
        name,
    )
    check_strictly_local(expert, on_graph)
    return expert


def open_graph(positions: Tensor, edge_index: Tensor, types: Tensor) -> dict[str, Tensor]:
    """A graph without periodic images: the cell is there because models ask for one."""
    return {
        Keys.POSITIONS_KEY: positions,
        Keys.EDGE_INDEX_KEY: edge_index,
        Keys.ATOM_TYPE_KEY: types,
        Keys.CELL_KEY: torch.eye(3, dtype=positions.dtype, device=positions.device).reshape(1, 3, 3),
        Keys.EDGE_CELL_SHIFT_KEY: positions.new_zeros((edge_index.shape[1], 3)),
    }
