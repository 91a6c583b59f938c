"""Allegro's splines for each pair of elements, as one product of matrices.

Allegro gathers the coefficients of its pair for every edge (channels x splines numbers), and multiplies them with the
edge's basis: what is read from memory costs more than the rest of a small expert.  Here the basis of an edge stands in
the columns of its pair, and zeros in those of the others, and one matrix holds the coefficients of all pairs.

``TwoBodySplineScalarEmbed`` of nequip-allegro 0.8 is meant; other models stay as they are.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from moe_ipi.experts.nequip.replaced import with_replaced

#: The class that is replaced.
_CLASS = "PerClassSpline"
_ATTRIBUTES = ("num_classes", "num_channels", "num_splines", "class_embed", "_get_basis")


class DenseSplines(torch.nn.Module):
    """The same function of distance and pair as the ``PerClassSpline`` it is made from.

    Args:
        splines: the module to take the place of.
        dtype: of the product; the basis stays in the precision of the distances.
    """

    coefficients: Tensor

    def __init__(self, splines: Any, dtype: torch.dtype) -> None:
        super().__init__()
        self.num_classes: int = splines.num_classes
        self.splines = splines
        table = splines.class_embed.weight.detach().view(self.num_classes, splines.num_channels, splines.num_splines)
        self.register_buffer("coefficients", table.transpose(1, 2).flatten(0, 1).to(dtype).contiguous())

    def forward(self, x: Tensor, classes: Tensor) -> Tensor:
        """(E, channels) from distances (E, 1), in units of the cutoff, and pairs of elements (E,)."""
        basis = self.splines._get_basis(x).to(self.coefficients.dtype)
        mine = classes.unsqueeze(-1) == torch.arange(self.num_classes, device=classes.device)
        columns = mine.to(basis.dtype).unsqueeze(-1) * basis.unsqueeze(-2)
        product: Tensor = columns.flatten(1) @ self.coefficients
        return product


def with_dense_splines(model: torch.nn.Module) -> torch.nn.Module:
    """Replace the splines of a model, in place, for inference."""

    def dense(parent: Any, _: str, splines: Any) -> DenseSplines:
        return DenseSplines(splines, getattr(parent, "_output_dtype", torch.float64))

    return with_replaced(model, _CLASS, _ATTRIBUTES, dense)
