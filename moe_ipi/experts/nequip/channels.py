"""Allegro's weighted channels without products of thin matrices, channels innermost.

Allegro weights the components of spherical harmonics, each irrep with a weight of its own, and repeats the weights
for the components by a product with a matrix of ones and zeros, 3 x 9 for l_max 2.  Libraries for such products need
much longer for it than for reading the numbers: a third of the time of a small expert.  Here weights are repeated.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


class ComponentsFirst(torch.nn.Module):
    """The same function of harmonics and weights as the ``MakeWeightedChannels`` it is made from.

    Args:
        channels: the module to take the place of.
        transposed: the result has the channels before the components, as that module's, but not in memory.
    """

    def __init__(self, channels: Any, *, transposed: bool) -> None:
        super().__init__()
        self.multiplicity_out: int = channels.multiplicity_out
        self.weight_numel: int = channels.weight_numel
        self.alpha: float = channels.alpha
        self.transposed = transposed
        #: Components of each irrep; none: all have one weight.
        self.irreps: list[int] = (
            [int(row) for row in (channels._rtoi != 0).sum(dim=1)] if channels.weight_individual_irreps else []
        )

    def forward(self, edge_attr: Tensor, weights: Tensor) -> Tensor:
        """(E, components, channels) from harmonics (E, components) and weights (E, channels x irreps)."""
        irreps = self.irreps or [edge_attr.size(1)]
        scaled = weights.reshape(weights.size(0), self.multiplicity_out, len(irreps)) * self.alpha
        each = [weight for weight, n in zip(scaled.unbind(-1), irreps, strict=True) for _ in range(n)]
        # Not slices, whose gradients would be padded with zeros and added.
        components = edge_attr.unsqueeze(-1).unbind(1)
        out = torch.stack([harmonic * weight for harmonic, weight in zip(components, each, strict=True)], dim=1)
        return out.transpose(1, 2) if self.transposed else out
