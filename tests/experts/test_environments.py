"""From edges to environments."""

from __future__ import annotations

import numpy as np

from moe_ipi.experts.environments import evaluate_in_chunks
from moe_ipi.experts.expert import Environments
from moe_ipi.experts.nequip.expert import expert_from_module
from tests.helpers import tiny_models
from tests.helpers.structures import co_on_pt


def test_chunks_change_nothing():
    atoms = co_on_pt()
    expert = expert_from_module(tiny_models.allegro(1))
    rng = np.random.default_rng(0)
    centers = np.sort(rng.integers(0, 30, 200))
    types = np.array([tiny_models.TYPE_NAMES.index(s) for s in (atoms.get_chemical_symbols() * 3)[:32]])
    environments = Environments(rng.uniform(-2, 2, (200, 3)), centers, types, rng.integers(0, 3, 200))
    whole = expert.evaluate(environments)
    for size in (1, 7, 50, 199, 200):
        parts = evaluate_in_chunks(expert, environments, max_edges=size)
        assert np.allclose(parts[0], whole[0], rtol=1e-13, atol=0)
        assert np.allclose(parts[1], whole[1], rtol=0, atol=1e-13)
