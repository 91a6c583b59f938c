"""Allegro's tensor products without the zeros.

Allegro contracts each pair of tensors with a dense array of Wigner 3j symbols, 9 x 9 x 9 for l_max 2, in which one
number of nine is not zero, and holds the components of a tensor innermost, where processors want many equal things.
Here the products that are not zero are written out, and channels are innermost: what computes the weighted channels
(:mod:`moe_ipi.experts.nequip.channels`) and what contracts them are replaced together.

``Contracter`` and ``MakeWeightedChannels`` of nequip-allegro 0.8 are meant; other models stay as they are.
"""

from __future__ import annotations

from typing import Any, NamedTuple, cast

import torch
from torch import Tensor

from moe_ipi.experts.nequip.channels import ComponentsFirst
from moe_ipi.experts.nequip.replaced import with_replaced

#: The classes that are replaced, with what makes them those that are meant.
_PRODUCT, _OF_PRODUCT = "Contracter", ("w3j", "weights", "w3j_is_ij_diagonal", "num_paths", "base_dim_out")
_CHANNELS = "MakeWeightedChannels"
_OF_CHANNELS = ("multiplicity_out", "weight_individual_irreps", "weight_numel", "alpha", "_rtoi")
#: The channels of the edges' own tensors.
_OF_EDGES = "_edge_weighter"
#: More products than these take compilers too long: about those of l_max 3 with one more layer.
_MOST = 1_000


class Term(NamedTuple):
    """One product that is not zero: ``factor * x1[i] * x2[j]``, a part of ``out[k]`` by way of ``path``."""

    path: int
    i: int
    j: int
    k: int
    factor: float


class SparseProduct(torch.nn.Module):
    """The same function as the ``Contracter`` it is made from.

    Its second tensor has the components before the channels.  The first one and the result have them after the
    channels, as others expect, but not in memory.
    """

    def __init__(self, contracter: Any) -> None:
        super().__init__()
        self.paths: int = contracter.num_paths
        self.components: int = contracter.base_dim_out
        self.terms = terms(contracter)
        self._keep(contracter)

    def _keep(self, contracter: Any) -> None:
        self.register_buffer("_path_weights", _by_path(contracter.weights.detach(), self.paths))

    def path_weights(self) -> Tensor:
        """(paths, channels), or (paths, 1) where channels share them."""
        return cast(Tensor, self._path_weights)

    def forward(self, x1: Tensor, x2: Tensor, idxs: Tensor) -> Tensor:
        """(E, channels, k) from (E, channels, i), (nodes, j, channels) and the edges' nodes (E,)."""
        first = x1.transpose(1, 2).unbind(1)
        second = torch.index_select(x2, 0, idxs).unbind(1)
        weights = self.path_weights().unbind(0)
        sums: dict[tuple[int, int], Tensor] = {}
        for path, i, j, k, factor in self.terms:
            term = first[i] * second[j] * factor
            sums[k, path] = sums[k, path] + term if (k, path) in sums else term
        out: dict[int, Tensor] = {}
        for (k, path), unweighted in sums.items():
            weighted = unweighted * weights[path]
            out[k] = out[k] + weighted if k in out else weighted
        return torch.stack([out[k] for k in range(self.components)], dim=1).transpose(1, 2)


class TrainableProduct(SparseProduct):
    """The same with the parameters and buffers of the ``Contracter``, under their names: checkpoints are the same."""

    def _keep(self, contracter: Any) -> None:
        self.weights: torch.nn.Parameter = contracter.weights
        self.register_buffer("w3j", contracter.w3j)

    def path_weights(self) -> Tensor:
        """(paths, channels), or (paths, 1) where channels share them."""
        return _by_path(self.weights, self.paths)


def _by_path(weights: Tensor, paths: int) -> Tensor:
    return weights.reshape(-1, paths).t().contiguous()


def terms(contracter: Any) -> tuple[Term, ...]:
    """The products of a ``Contracter`` that are not zero."""
    w3j = contracter.w3j.detach().double().cpu()
    if contracter.num_paths == 1:
        w3j = w3j.unsqueeze(0)
    where = w3j.nonzero().tolist()
    if contracter.w3j_is_ij_diagonal:  # it has no j
        where = [(p, i, i, k) for p, i, k in where]
    return tuple(Term(p, i, j, k, f) for (p, i, j, k), f in zip(where, w3j[w3j != 0].tolist(), strict=True))


def with_sparse_products(model: torch.nn.Module, *, trainable: bool = False) -> torch.nn.Module:
    """Replace tensor products and weighted channels of a model, in place.

    Args:
        model: to run on a CPU; measured there only.
        trainable: parameters and buffers stay what and where they were; a tenth slower.

    Returns:
        ``model``.  Nothing was replaced where another implementation of the products (a modifier) stands in their
        place, or where they are very many.
    """
    products = [module for module in model.modules() if hasattr(module, "w3j_is_ij_diagonal")]
    ours = all(type(each).__name__ == _PRODUCT and all(hasattr(each, a) for a in _OF_PRODUCT) for each in products)
    if not products or not ours or sum(len(terms(each)) for each in products) > _MOST:
        return model

    def channels(_: Any, name: str, old: Any) -> ComponentsFirst:
        return ComponentsFirst(old, transposed=name == _OF_EDGES)

    kind = TrainableProduct if trainable else SparseProduct
    model = with_replaced(model, _CHANNELS, _OF_CHANNELS, channels)
    return with_replaced(model, _PRODUCT, _OF_PRODUCT, lambda _, __, old: kind(old))
