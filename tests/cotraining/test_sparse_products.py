"""Models are trained with tensor products without zeros as they are without."""

from __future__ import annotations

from types import SimpleNamespace

import torch

from moe_ipi.cotraining import SparseProducts
from moe_ipi.cotraining.edges import EdgeModel, Graph
from moe_ipi.experts.nequip.products import TrainableProduct
from tests.cotraining.test_edges import batch
from tests.helpers.changed_models import number_of
from tests.helpers.structures import co_on_pt
from tests.helpers.tiny_models import allegro


def loss_and_gradients(model) -> list[torch.Tensor]:
    """A loss of forces, and what it wants of each parameter."""
    graph = Graph.from_data(batch(co_on_pt(seed=1)))
    _, gradients = EdgeModel(model, compile=False)(graph)
    loss = graph.forces(gradients).square().sum()
    return [loss, *torch.autograd.grad(loss, list(model.parameters()), allow_unused=True, materialize_grads=True)]


def test_the_same_gradients_and_the_same_checkpoint() -> None:
    model = allegro(3, l_max=2)
    before, parameters, state = loss_and_gradients(model), list(model.parameters()), model.state_dict()
    SparseProducts().setup(None, SimpleNamespace(model=torch.nn.ModuleDict({"complex": model})), "fit")
    assert number_of(TrainableProduct, model) == 2
    # The very same parameters, in the same order: averages of weights are kept by it.
    assert all(a is b for a, b in zip(model.parameters(), parameters, strict=True))
    assert model.state_dict().keys() == state.keys()
    for old, new in zip(before, loss_and_gradients(model), strict=True):
        torch.testing.assert_close(new, old, rtol=1e-9, atol=1e-12 * float(before[0].detach()))


def test_once_is_enough() -> None:
    module = SimpleNamespace(model=torch.nn.ModuleDict({"sole": allegro(3)}))
    SparseProducts().setup(None, module, "fit")
    parts = list(module.model.modules())
    SparseProducts().setup(None, module, "test")
    assert list(module.model.modules()) == parts
