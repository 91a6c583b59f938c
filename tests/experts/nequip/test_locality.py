"""Only strictly local models can be mixed per atom."""

from __future__ import annotations

import numpy as np
import pytest

from moe_ipi.errors import ModelError
from moe_ipi.experts.expert import Environments
from moe_ipi.experts.finnis_sinclair import FinnisSinclair
from moe_ipi.experts.nequip.locality import check_strictly_local
from moe_ipi.experts.nequip.module import expert_from_module
from tests.helpers import tiny_models


def test_message_passing_is_refused():
    with pytest.raises(ModelError, match="not strictly local"):
        expert_from_module(tiny_models.message_passing(), name="bulk")


def test_the_check_asks_the_model_and_not_its_name():
    expert = FinnisSinclair("bulk")
    local = []

    def on_graph(positions, edge_index, types):
        vectors = positions[edge_index[1]] - positions[edge_index[0]]
        local.append(expert.evaluate(Environments(vectors, edge_index[0], types, types[edge_index[1]]))[0])
        return local[-1]

    check_strictly_local(expert, "bulk", on_graph)
    assert len(local) == 1 and len(local[0]) >= 8
    with pytest.raises(ModelError, match=r"the bulk expert is not strictly local: .* by up to 0\.001 eV"):
        check_strictly_local(expert, "bulk", lambda *graph: on_graph(*graph) + 1e-3 * (np.arange(len(graph[2])) == 4))

    def broken(*graph):
        raise ZeroDivisionError

    with pytest.raises(ModelError, match=r"cannot be evaluated atom by atom \(ZeroDivisionError\)") as caught:
        check_strictly_local(expert, "bulk", broken)
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
