"""The assignment of atoms in training data: by the partitioner that simulations use."""

from __future__ import annotations

from typing import Any

import torch
from nequip.data import AtomicDataDict as Keys
from nequip.data import register_fields
from pydantic import ValidationError

from moe_ipi.config import RegionsConfig
from moe_ipi.errors import ConfigError
from moe_ipi.regions.partitioner import Partitioner

#: (N,) 1 for atoms of the complex expert, 0 for others.
ASSIGNMENT_KEY = "moe_assignment"
register_fields(node_fields=[ASSIGNMENT_KEY], long_fields=[ASSIGNMENT_KEY])


class AssignmentTransform(torch.nn.Module):
    """A NequIP data transform that assigns the atoms of a frame to the experts.

    Must stand after the transform that maps species to types.

    Args:
        regions: the ``[regions]`` table of the ``moe.toml`` that will be used with the pair.
        type_names: the models' type names, which are chemical symbols.

    Raises:
        ConfigError: the regions cannot be used: wrong keys, or a rule that needs trained experts.
    """

    def __init__(self, regions: dict[str, Any], type_names: list[str]) -> None:
        super().__init__()
        try:
            self._regions = RegionsConfig.model_validate(regions)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(str(part) for part in first["loc"])
            raise ConfigError(f"regions of the training config: {where}: {first['msg']}") from error
        if self._regions.needs_disagreement:
            raise ConfigError("regions of the training config: a rule of type 'agreement' needs trained experts")
        self._type_names = list(type_names)

    def forward(self, data: Keys.Type) -> Keys.Type:
        """``data`` with :data:`ASSIGNMENT_KEY`."""
        species = [self._type_names[t] for t in data[Keys.ATOM_TYPE_KEY].view(-1).tolist()]
        pbc = data[Keys.PBC_KEY].view(3).tolist() if Keys.PBC_KEY in data else (True, True, True)
        cell = data[Keys.CELL_KEY].view(3, 3).numpy()
        mask = Partitioner(self._regions, species).assign(data[Keys.POSITIONS_KEY].numpy(), cell, pbc)
        data[ASSIGNMENT_KEY] = torch.from_numpy(mask.astype("int64"))
        return data
