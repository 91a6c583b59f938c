"""Allegro's weighted channels without products of thin matrices.

Allegro weights the components of spherical harmonics, each irrep with a weight of its own, and repeats the weights
for the components by a product with a matrix of ones and zeros, 3 x 9 for l_max 2.  Libraries for such products need
much longer for it than for reading the numbers: a third of the time of a small expert.  Here weights are repeated.

``MakeWeightedChannels`` of nequip-allegro 0.8 is meant; other models stay as they are.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from moe_ipi.experts.nequip.replaced import with_replaced

#: The class that is replaced.
_CLASS = "MakeWeightedChannels"
_ATTRIBUTES = ("multiplicity_out", "weight_individual_irreps", "weight_numel", "alpha", "_num_irreps", "_rtoi")
#: The channels of the edges' own tensors, which the first tensor product takes.
_OF_EDGES = "_edge_weighter"


class RepeatedWeights(torch.nn.Module):
    """The same function of harmonics and weights as the ``MakeWeightedChannels`` it is made from."""

    def __init__(self, channels: Any) -> None:
        super().__init__()
        self.multiplicity_out: int = channels.multiplicity_out
        self.weight_numel: int = channels.weight_numel
        self.alpha: float = channels.alpha
        #: Components of each irrep.
        self.components: list[int] = [int(row) for row in (channels._rtoi != 0).sum(dim=1)]

    def forward(self, edge_attr: Tensor, weights: Tensor) -> Tensor:
        """(E, channels, components) from harmonics (E, components) and weights (E, channels x irreps)."""
        each = weights.reshape(weights.size(0), self.multiplicity_out, len(self.components)) * self.alpha
        repeated = [each[..., k : k + 1].expand(-1, -1, n) for k, n in enumerate(self.components)]
        return edge_attr.unsqueeze(1) * torch.cat(repeated, dim=-1)


def with_repeated_weights(model: torch.nn.Module) -> torch.nn.Module:
    """Replace the weighted channels of a model, in place, for inference on a CPU.

    Those of the edges' own tensors are left where a tensor product sums over pairs of components: the compiler
    would make them anew for every pair, and the model slower.
    """
    diagonal = all(getattr(module, "w3j_is_ij_diagonal", True) for module in model.modules())

    def repeated(_: Any, name: str, channels: Any) -> RepeatedWeights | None:
        wanted = channels.weight_individual_irreps and (diagonal or name != _OF_EDGES)
        return RepeatedWeights(channels) if wanted else None

    return with_replaced(model, _CLASS, _ATTRIBUTES, repeated)
