"""From edges to environments."""

from __future__ import annotations

import numpy as np

from moe_ipi.experts.environments import evaluate_in_chunks
from moe_ipi.experts.expert import Environments
from moe_ipi.experts.nequip.module import expert_from_module
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
        parts = evaluate_in_chunks(expert, environments, chunk=size)
        assert np.allclose(parts[0], whole[0], rtol=1e-13, atol=0)
        assert np.allclose(parts[1], whole[1], rtol=0, atol=1e-13)


def test_chunks_are_equally_large_and_whole():
    class Recorder:
        """Notes what it is given."""

        chunk = 1500
        concurrency = 1

        def __init__(self) -> None:
            self.seen: list[Environments] = []

        def evaluate(self, environments: Environments):
            self.seen.append(environments)
            return environments.center_types.astype(float), environments.vectors

    rng = np.random.default_rng(0)
    # Some centres have no edge, also at the ends; one has more than a chunk.
    counts = np.concatenate([[0, 0], rng.integers(0, 60, 100), [4000], rng.integers(0, 60, 100), [0]])
    centers = np.repeat(np.arange(len(counts)), counts)
    n = len(centers)
    environments = Environments(rng.normal(size=(n, 3)), centers, np.arange(len(counts)), np.arange(n))
    recorder = Recorder()
    energies, gradients = evaluate_in_chunks(recorder, environments)
    assert (energies == environments.center_types).all()
    assert (gradients == environments.vectors).all()
    for part in recorder.seen:
        assert part.centers.min() >= 0
        assert part.centers.max() < len(part.center_types)
        assert len(part.centers) <= 1500 + 60 or 4000 in np.bincount(part.centers)
    small = [len(part.centers) for part in recorder.seen if len(part.centers) < 1000]
    assert len(small) <= 2  # beside the large one
