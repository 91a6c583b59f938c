"""Experts from NequIP-framework model files: packaged, checkpointed, or compiled."""

from __future__ import annotations

import contextlib
import logging
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from ase.data import atomic_numbers
from nequip.data import AtomicDataDict as Keys
from nequip.nn import graph_model
from nequip.train.lightning import _SOLE_MODEL_KEY as SOLE_MODEL_KEY
from nequip.utils.global_state import set_global_state

from moe_ipi.errors import ModelError
from moe_ipi.experts.expert import Expert, FloatArray, Stars
from moe_ipi.experts.locality import check_strictly_local

Tensor = torch.Tensor
#: (edge vectors (E, 3), edge index (2, E), types (nodes,)) -> atomic energies (nodes,), gradients (E, 3)
StarFunction = Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]

#: What a model compiled by this package takes and returns (see ``compile_job``).
STAR_INPUTS = [Keys.POSITIONS_KEY, Keys.EDGE_VECTORS_KEY, Keys.EDGE_INDEX_KEY, Keys.ATOM_TYPE_KEY]
STAR_OUTPUTS = [Keys.PER_ATOM_ENERGY_KEY, Keys.EDGE_FORCE_KEY]
STAR_TARGET = "moe_ipi"


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


def load_nequip_model(
    path: Path, *, key: str | None = None, name: str = "model", device: str = "cpu", compile: bool = False
) -> NequipExpert:
    """Load a NequIP-framework model file as an expert.

    Args:
        path: ``*.nequip.zip`` (package), ``*.nequip.pt2`` (compiled with AOTInductor) or a checkpoint.
        key: the model's name in a file that holds several.
        name: what to call the expert in messages.
        device: ``cpu``, ``cuda`` or ``cuda:N``.
        compile: compile a package or a checkpoint with AOTInductor first (or take it from the cache).

    Raises:
        ModelError: the file cannot serve as an expert.
    """
    torch_device = _device(device)
    if not path.is_file():
        raise ModelError(f"the {name} expert's model file does not exist: {path}; correct experts.{name}.path")
    if path.name.endswith(".nequip.pth"):
        raise ModelError(
            f"{path} is a TorchScript model, which current PyTorch no longer supports; "
            f"give experts.{name}.path the package or checkpoint it was made from"
        )
    if path.name.endswith(".pt2"):
        if key is not None:
            raise ModelError(f"{path} is compiled and holds one model; remove experts.{name}.key")
        return _compiled(path, name, torch_device)
    if compile:
        from moe_ipi.experts.cache import compiled_model

        def check() -> None:
            expert_from_module(_saved_module(path, key, name), name=name)

        return _compiled(compiled_model(path, key=key, name=name, device=device, check=check), name, torch_device)
    return expert_from_module(_saved_module(path, key, name), name=name, device=torch_device)


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
        data = _graph(positions, edge_index, types)
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


def _compiled(path: Path, name: str, device: torch.device) -> NequipExpert:
    from nequip.model.inference_models import load_aotinductor_model

    try:
        with _quiet():
            set_global_state()
            model, metadata = load_aotinductor_model(str(path), device)
    except Exception as error:
        raise ModelError(
            f"cannot load the compiled {name} expert {path}: {_one_line(error)}; compile it again with this "
            "version of torch on this machine"
        ) from None
    inputs, outputs = list(model.input_keys), list(model.output_keys)
    if inputs == STAR_INPUTS:
        function = _star_artifact(model)
    elif {Keys.POSITIONS_KEY, Keys.EDGE_CELL_SHIFT_KEY} <= set(inputs) and {
        Keys.PER_ATOM_ENERGY_KEY,
        Keys.FORCE_KEY,
    } <= set(outputs):
        function = _graph_artifact(model, batched=Keys.BATCH_KEY in inputs)
    else:
        raise ModelError(
            f"{path} was compiled for a target that cannot serve as an expert (inputs {' '.join(inputs)}; outputs "
            f"{' '.join(outputs)}); compile it with: nequip-compile --target pair_nequip"
        )
    expert = NequipExpert(function, metadata[graph_model.TYPE_NAMES_KEY], metadata[graph_model.R_MAX_KEY], device, name)
    if inputs != STAR_INPUTS:  # a star artifact was checked before it was compiled
        batched = Keys.BATCH_KEY in inputs

        def on_graph(positions: Tensor, edge_index: Tensor, types: Tensor) -> Tensor:
            return _run_graph(model, positions, edge_index, types, batched)[Keys.PER_ATOM_ENERGY_KEY]

        check_strictly_local(expert, on_graph)
    return expert


def _star_artifact(model: Any) -> StarFunction:
    def on_stars(vectors: Tensor, edge_index: Tensor, types: Tensor) -> tuple[Tensor, Tensor]:
        out = model(
            {
                # Only their number is used: it tells the model how many nodes there are.
                Keys.POSITIONS_KEY: vectors.new_zeros((len(types), 3)),
                Keys.EDGE_VECTORS_KEY: vectors,
                Keys.EDGE_INDEX_KEY: edge_index,
                Keys.ATOM_TYPE_KEY: types,
            }
        )
        return out[Keys.PER_ATOM_ENERGY_KEY], out[Keys.EDGE_FORCE_KEY]

    return on_stars


def _graph_artifact(model: Any, batched: bool) -> StarFunction:
    """Stars for an artifact that takes positions: every centre at the origin, every edge its own ghost."""

    def on_stars(vectors: Tensor, edge_index: Tensor, types: Tensor) -> tuple[Tensor, Tensor]:
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

    return on_stars


def _graph(positions: Tensor, edge_index: Tensor, types: Tensor) -> dict[str, Tensor]:
    """A graph without periodic images: the cell is there because models ask for one."""
    return {
        Keys.POSITIONS_KEY: positions,
        Keys.EDGE_INDEX_KEY: edge_index,
        Keys.ATOM_TYPE_KEY: types,
        Keys.CELL_KEY: torch.eye(3, dtype=positions.dtype, device=positions.device).reshape(1, 3, 3),
        Keys.EDGE_CELL_SHIFT_KEY: positions.new_zeros((edge_index.shape[1], 3)),
    }


def _run_graph(model: Any, positions: Tensor, edge_index: Tensor, types: Tensor, batched: bool) -> dict[str, Tensor]:
    if not batched:
        return model(_graph(positions, edge_index, types))
    # The batch target wants two frames at least: the second one is a pair of atoms of type 0.
    n = len(positions)
    pair = torch.tensor([[n, n + 1], [n + 1, n]], device=positions.device)
    data = _graph(
        torch.cat([positions, positions.new_tensor([[0.0, 0.0, 0.0], [2.0, 0.0, 0.0]])]),
        torch.cat([edge_index, pair], dim=1),
        torch.cat([types, types.new_zeros(2)]),
    )
    data[Keys.CELL_KEY] = data[Keys.CELL_KEY].repeat(2, 1, 1)
    data[Keys.NUM_NODES_KEY] = types.new_tensor([n, 2])
    data[Keys.BATCH_KEY] = torch.repeat_interleave(types.new_tensor([0, 1]), data[Keys.NUM_NODES_KEY])
    return {k: v[:n] if k in (Keys.PER_ATOM_ENERGY_KEY, Keys.FORCE_KEY) else v for k, v in model(data).items()}


def _saved_module(path: Path, key: str | None, name: str) -> graph_model.GraphModel:
    from nequip.model.saved_models import load_saved_model

    try:
        with _quiet():
            set_global_state()
            models = load_saved_model(str(path), model_key=None)
    except Exception as error:
        raise ModelError(
            f"cannot load the {name} expert {path}: {_one_line(error)}; it must be a NequIP package "
            "(.nequip.zip), a training checkpoint (.ckpt) or a compiled model (.nequip.pt2)"
        ) from None
    available = list(models.keys())
    wanted = key if key is not None else (available[0] if len(available) == 1 else SOLE_MODEL_KEY)
    if wanted not in available:
        raise ModelError(
            f"{path} holds the models {', '.join(available)}; set experts.{name}.key to one of them"
            + (f" (got '{key}')" if key is not None else "")
        )
    return models[wanted]


def _device(device: str) -> torch.device:
    result = torch.device(device)
    if result.type == "cuda" and not torch.cuda.is_available():
        raise ModelError("device 'cuda' was asked for, but this PyTorch sees no CUDA device; use device = \"cpu\"")
    if result.type == "cuda" and (result.index or 0) >= torch.cuda.device_count():
        raise ModelError(f"there is no device '{device}': {torch.cuda.device_count()} CUDA device(s) are visible")
    return result


def _one_line(error: BaseException) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 200 else text[:197] + "..."


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """nequip and torch talk at length while they load a model; errors still come as exceptions."""
    previous = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(previous)
