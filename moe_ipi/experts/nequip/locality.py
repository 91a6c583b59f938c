"""Is a model strictly local?  Asked of the model itself, not of its name."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from moe_ipi.errors import ModelError
from moe_ipi.experts.expert import Environments, Expert
from moe_ipi.typing import FloatArray, IntArray


def check_strictly_local(
    expert: Expert, name: str, on_graph: Callable[[FloatArray, IntArray, IntArray], FloatArray]
) -> None:
    """Refuse a model in which an atom's energy depends on more than the edges centred on it.

    The model is evaluated on a small chain of atoms twice: as one graph, in which neighbours have
    neighbours of their own, and as separate environments, in which they have none.  A strictly local model
    cannot tell the difference.

    Args:
        expert: the model, which sees one environment at a time.
        name: what to call it in messages.
        on_graph: the model on a graph: positions (N, 3), edge index (2, E), types (N,) to atomic energies (N,), eV.

    Raises:
        ModelError: the two differ (message passing), or the model cannot be evaluated on environments.
    """
    rng = np.random.default_rng(0)
    n = max(8, 3 * len(expert.species))
    positions = np.zeros((n, 3))
    positions[:, 0] = 0.45 * expert.cutoff * np.arange(n)  # two neighbours on each side
    positions += rng.uniform(-0.04, 0.04, (n, 3)) * expert.cutoff
    types = np.arange(n) % len(expert.species)
    vectors = positions[None, :, :] - positions[:, None, :]
    distances = np.linalg.norm(vectors, axis=2)
    centers, neighbors = np.nonzero((distances < expert.cutoff) & (distances > 0))
    environments = Environments(vectors[centers, neighbors], centers, types, types[neighbors])
    try:
        local = expert.evaluate(environments)[0]
        whole = on_graph(positions, np.stack([centers, neighbors]), types)[:n]
    except Exception as error:
        raise ModelError(
            f"the {name} expert cannot be evaluated atom by atom ({type(error).__name__}); "
            "experts must be strictly local models such as Allegro"
        ) from error
    # Single precision leaves 1e-6; message passing changes energies in the first digits.
    if not np.allclose(local, whole, rtol=1e-5, atol=1e-5 * max(1.0, float(np.ptp(whole)))):
        raise ModelError(
            f"the {name} expert is not strictly local: the energy of an atom changes by up to "
            f"{np.abs(local - whole).max():.2g} eV when its neighbours' neighbours are removed; "
            "message-passing models cannot be mixed per atom, use an Allegro model"
        )
