"""Models that this package has compiled, loaded without NequIP: importing it takes most of a driver's start."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import torch

from moe_ipi.errors import ModelError, one_line
from moe_ipi.experts.nequip.aoti import ConcurrentModel
from moe_ipi.experts.nequip.expert import Description, EdgeFunction, NequipExpert, Reload, Tensor
from moe_ipi.threads import workers

#: What such a model takes and returns, in NequIP's words (see ``compile_job``): positions, of which only the number is
#: used, edge vectors, edge index and types to atomic energies and edge gradients.
EDGE_INPUTS = ["pos", "edge_vectors", "edge_index", "atom_types"]
EDGE_OUTPUTS = ["atomic_energy", "edge_forces"]
EDGE_TARGET = "moe_ipi"
#: Changes whenever artifacts of an older version can no longer be used, or are slower.
EDGE_FORMAT = "stars-5"


def load_own_artifact(path: Path, name: str, again: Reload | None = None) -> NequipExpert:
    """An expert from an artifact of target ``moe_ipi`` for the CPU.

    Args:
        path: ``*.nequip.pt2``, compiled by this package.
        name: what to call the expert in messages.
        again: how the expert is loaded again, see :class:`NequipExpert`.

    Raises:
        ModelError: it cannot be loaded here.
    """
    try:
        loader = torch._C._aoti.AOTIModelPackageLoader(str(path), "model", False, 1, -1)
        metadata = loader.get_metadata()
        inputs, species = metadata["nequip_aoti_inputs"].split(), tuple(metadata["type_names"].split())
        if inputs != EDGE_INPUTS:
            raise ValueError(f"its inputs are {' '.join(inputs)}")
        description = Description(species, float(metadata["r_max"]), name)
        model: Runs = loader if workers() == 1 else ConcurrentModel(path, workers())
    except Exception as error:
        raise unusable(path, name, error) from error
    return NequipExpert(on_edges(model), description, torch.device("cpu"), again, workers())


def unusable(path: Path, name: str, error: Exception) -> ModelError:
    """What a user is told of a compiled model that cannot be loaded."""
    return ModelError(
        f"cannot load the compiled {name} expert {path}: {one_line(error)}; compile it again with this version of "
        "torch on this machine"
    )


class Runs(Protocol):
    """A compiled model, as torch or this package loads it."""

    def boxed_run(self, inputs: list[Tensor]) -> list[Tensor]:
        """The outputs for a list of inputs, which may be emptied."""


def on_edges(model: Runs) -> EdgeFunction:
    """A loaded artifact of target ``moe_ipi`` as the function of an expert.

    It is called with the list of its inputs: torch's and NequIP's wrappers turn dictionaries into such lists and back,
    which takes 0.3 ms a call, as long as a cheap expert needs for ten atoms.
    """

    def function(vectors: Tensor, edge_index: Tensor, types: Tensor) -> tuple[Tensor, Tensor]:
        with torch.inference_mode():
            energies, gradients = model.boxed_run([vectors.new_empty((len(types), 3)), vectors, edge_index, types])
        return energies, gradients

    return function
