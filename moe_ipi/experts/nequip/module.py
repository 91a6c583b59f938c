"""NequIP-framework models in memory as experts, and the check that a model is strictly local."""

from __future__ import annotations

from collections.abc import Callable

import torch
from nequip.data import AtomicDataDict as Keys
from nequip.nn import graph_model

from moe_ipi.experts.nequip.expert import Description, NequipExpert, Reload, Tensor, to_numpy
from moe_ipi.experts.nequip.locality import check_strictly_local
from moe_ipi.typing import FloatArray, IntArray

#: (positions (nodes, 3), edge index (2, E), types (nodes,)) -> atomic energies (nodes,)
GraphFunction = Callable[[Tensor, Tensor, Tensor], Tensor]


def check_on_graph(expert: NequipExpert, function: GraphFunction) -> None:
    """Refuse an expert whose model is not strictly local.

    Args:
        expert: the model on environments.
        function: the same model on a graph.

    Raises:
        ModelError: see :func:`moe_ipi.experts.nequip.locality.check_strictly_local`.
    """

    def on_graph(positions: FloatArray, edge_index: IntArray, types: IntArray) -> FloatArray:
        tensors = (torch.from_numpy(array).to(expert.device) for array in (positions, edge_index, types))
        return to_numpy(function(*tensors)).reshape(-1)

    check_strictly_local(expert, expert.name, on_graph)


def expert_from_module(
    module: graph_model.GraphModel,
    *,
    name: str = "model",
    device: torch.device | str = "cpu",
    again: Reload | None = None,
) -> NequipExpert:
    """An eager expert from a model in memory, after checking that it is strictly local.

    Raises:
        ModelError: the model is not strictly local, or its type names are not chemical symbols.
    """
    device = torch.device(device)
    module = module.to(device).eval().requires_grad_(False)

    def on_edges(vectors: Tensor, edge_index: Tensor, types: Tensor) -> tuple[Tensor, Tensor]:
        out = module({Keys.EDGE_VECTORS_KEY: vectors, Keys.EDGE_INDEX_KEY: edge_index, Keys.ATOM_TYPE_KEY: types})
        return out[Keys.PER_ATOM_ENERGY_KEY], out[Keys.EDGE_FORCE_KEY]

    def on_graph(positions: Tensor, edge_index: Tensor, types: Tensor) -> Tensor:
        energies: Tensor = module(open_graph(positions, edge_index, types))[Keys.PER_ATOM_ENERGY_KEY]
        return energies

    metadata = module.metadata
    description = Description(
        tuple(metadata[graph_model.TYPE_NAMES_KEY].split(" ")), float(metadata[graph_model.R_MAX_KEY]), name
    )
    expert = NequipExpert(on_edges, description, device, again)
    check_on_graph(expert, on_graph)
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
