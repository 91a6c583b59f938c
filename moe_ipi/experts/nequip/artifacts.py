"""Models compiled with AOTInductor, by ``nequip-compile`` or by this package, as experts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from nequip.data import AtomicDataDict as Keys
from nequip.nn import graph_model

from moe_ipi.errors import ModelError
from moe_ipi.experts.nequip.expert import Description, EdgeFunction, NequipExpert, Reload, Tensor
from moe_ipi.experts.nequip.internals import load_compiled, package_loader, target_name
from moe_ipi.experts.nequip.module import check_on_graph, open_graph
from moe_ipi.experts.nequip.own_artifacts import EDGE_INPUTS, on_edges, unusable

# What an artifact of nequip-compile must ask for, may ask for, and must give (targets pair_nequip,
# pair_allegro, ase, batch).
_GRAPH_NEEDED = {Keys.POSITIONS_KEY, Keys.EDGE_INDEX_KEY, Keys.ATOM_TYPE_KEY}
_GRAPH_GIVEN = _GRAPH_NEEDED | {Keys.CELL_KEY, Keys.EDGE_CELL_SHIFT_KEY, Keys.BATCH_KEY, Keys.NUM_NODES_KEY}
_GRAPH_OUTPUTS = {Keys.PER_ATOM_ENERGY_KEY, Keys.FORCE_KEY}


def load_artifact(path: Path, name: str, device: torch.device, again: Reload | None = None) -> NequipExpert:
    """An expert from a ``*.nequip.pt2`` file.

    Args:
        path: compiled by ``nequip-compile``, or by this package.
        name: what to call the expert in messages.
        device: must be the one it was compiled for.
        again: how the expert is loaded again, see :class:`NequipExpert`.

    Raises:
        ModelError: it cannot be loaded here, or was compiled for a target that gives no forces per atom.
    """
    try:
        model, metadata = load_compiled(path, device)
    except Exception as error:
        raise unusable(path, name, error) from error
    inputs, outputs = list(model.input_keys), list(model.output_keys)
    batched = Keys.BATCH_KEY in inputs
    if inputs == EDGE_INPUTS:
        function = on_edges(package_loader(model))
    elif _GRAPH_NEEDED <= set(inputs) <= _GRAPH_GIVEN and set(outputs) >= _GRAPH_OUTPUTS:
        function = _graph_artifact(model, batched)
    else:
        raise ModelError(
            f"{path} was compiled {_target_name(inputs, outputs)}, which cannot serve as an expert (inputs "
            f"{' '.join(inputs)}; outputs {' '.join(outputs)}); compile it with: nequip-compile --target pair_nequip"
        )
    description = Description(tuple(metadata[graph_model.TYPE_NAMES_KEY]), float(metadata[graph_model.R_MAX_KEY]), name)
    expert = NequipExpert(function, description, device, again)
    if inputs != EDGE_INPUTS:  # an artifact of ours was checked before it was compiled

        def on_graph(positions: Tensor, edge_index: Tensor, types: Tensor) -> Tensor:
            return _run_graph(model, positions, edge_index, types, batched)[Keys.PER_ATOM_ENERGY_KEY]

        check_on_graph(expert, on_graph)
    return expert


def _target_name(inputs: list[str], outputs: list[str]) -> str:
    name = target_name(inputs, outputs)
    return f"for the target {name}" if name else "for no target that is known here"


def _graph_artifact(model: Any, batched: bool) -> EdgeFunction:
    """For an artifact that takes positions: every centre at the origin, every edge its own ghost."""

    def on_edges(vectors: Tensor, edge_index: Tensor, types: Tensor) -> tuple[Tensor, Tensor]:
        n_nodes, n_edges = len(types), len(vectors)
        positions = torch.cat([vectors.new_zeros((n_nodes, 3)), vectors])
        ghosts = torch.arange(n_nodes, n_nodes + n_edges, device=vectors.device)
        out = _run_graph(
            model,
            positions,
            torch.stack([edge_index[0], ghosts]),
            torch.cat([types, types[edge_index[1]]]),
            batched,
        )
        return out[Keys.PER_ATOM_ENERGY_KEY][:n_nodes], -out[Keys.FORCE_KEY][n_nodes:]

    return on_edges


def _run_graph(model: Any, positions: Tensor, edge_index: Tensor, types: Tensor, batched: bool) -> dict[str, Tensor]:
    if not batched:
        out: dict[str, Tensor] = model(open_graph(positions, edge_index, types))
        return out
    # The batch target wants two frames at least: the second one is a pair of atoms of type 0.
    n = len(positions)
    pair = torch.tensor([[n, n + 1], [n + 1, n]], device=positions.device)
    data = open_graph(
        torch.cat([positions, positions.new_tensor([[0.0, 0.0, 0.0], [2.0, 0.0, 0.0]])]),
        torch.cat([edge_index, pair], dim=1),
        torch.cat([types, types.new_zeros(2)]),
    )
    data[Keys.CELL_KEY] = data[Keys.CELL_KEY].repeat(2, 1, 1)
    data[Keys.NUM_NODES_KEY] = types.new_tensor([n, 2])
    data[Keys.BATCH_KEY] = torch.repeat_interleave(types.new_tensor([0, 1]), data[Keys.NUM_NODES_KEY])
    return {k: v[:n] if k in (Keys.PER_ATOM_ENERGY_KEY, Keys.FORCE_KEY) else v for k, v in model(data).items()}
