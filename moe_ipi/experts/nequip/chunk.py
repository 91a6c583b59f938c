"""How many edges an expert is given at once: measured once, and kept beside the compiled models.

What a model holds of its edges at a time fits into the processor's cache or does not, and a GPU wants many: the best
number depends on the model, the device and its threads.  It is kept because the energies of two numbers differ by
rounding: drivers of one machine, and a continued run, use the same.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from filelock import FileLock

from moe_ipi.caches import cache_folder
from moe_ipi.experts.environments import SMALLEST_CHUNK
from moe_ipi.experts.expert import Environments, Expert
from moe_ipi.experts.nequip.cache import PLAIN, CompileOptions, identity
from moe_ipi.experts.nequip.expert import NequipExpert

_LARGEST = {"cpu": 128 * SMALLEST_CHUNK, "cuda": 1024 * SMALLEST_CHUNK}
#: A smaller number is as good if it is slower by no more than this: it takes less memory.
_AS_GOOD = 1.03
#: Larger ones are not tried once one is slower than the best by this.
_WORSE = 1.2
#: Edges of each centre, about those of a dense metal within 6 A.
_EDGES_PER_CENTER = 50


def remembered_chunk(expert: NequipExpert, path: Path, key: str | None, options: CompileOptions | None) -> int:
    """The best number of edges for an expert from a file; measured (seconds) if it is not on record.

    Args:
        expert: the expert.
        path, key: where it is from.
        options: how it was compiled, if it was.

    Returns:
        The number; the default one where the record cannot be kept, as each process might then measure another.
    """
    kind = f"{'eager' if options is None else 'compiled'}-{torch.get_num_threads()}"
    try:
        folder = cache_folder()
        record = folder / f"{expert.name}-{identity(path, key, str(expert.device), options or PLAIN)}-{kind}.chunk"
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{record}.lock"):
            known = _read(record)
            if known is None:
                known = best_chunk(lambda edges: _seconds(expert, edges), _LARGEST.get(expert.device.type, 0))
                # Never half a number: a killed process leaves the other file.
                whole = record.with_suffix(".new")
                whole.write_text(f"{known}\n")
                whole.replace(record)
            return known
    except OSError:
        return expert.default_chunk


def best_chunk(seconds: Callable[[int], float], largest: int) -> int:
    """The smallest number of edges (powers of two times a thousand) whose time per edge is about the best.

    Args:
        seconds: time of a call with so many edges.
        largest: no more than these are tried.
    """
    times: dict[int, float] = {}
    size = SMALLEST_CHUNK
    while True:
        try:
            times[size] = seconds(size) / size
        except torch.OutOfMemoryError:
            break
        size *= 2
        if size > largest or times[size // 2] > _WORSE * min(times.values()):
            break
    limit = _AS_GOOD * min(times.values(), default=0.0)
    return next((size for size, time in times.items() if time <= limit), SMALLEST_CHUNK)


def _seconds(expert: Expert, n_edges: int) -> float:
    """Time of one call with so many edges; the best of several, as other processes only add to it."""
    environments = crystal_like(expert, n_edges)
    expert.evaluate(environments)
    fastest = np.inf
    for _ in range(max(3, 8 * SMALLEST_CHUNK // n_edges)):
        start = time.perf_counter()
        expert.evaluate(environments)
        fastest = min(fastest, time.perf_counter() - start)
    return fastest


def crystal_like(expert: Expert, n_edges: int) -> Environments:
    """Environments of random edges of all species, as many to a centre as in a dense metal."""
    rng = np.random.default_rng(0)
    n_centers = n_edges // _EDGES_PER_CENTER
    directions = rng.normal(size=(n_edges, 3))
    lengths = expert.cutoff * np.cbrt(rng.uniform(0.1, 1.0, n_edges))
    return Environments(
        vectors=directions * (lengths / np.linalg.norm(directions, axis=1))[:, None],
        centers=np.repeat(np.arange(n_centers), _EDGES_PER_CENTER),
        center_types=rng.integers(len(expert.species), size=n_centers),
        neighbor_types=rng.integers(len(expert.species), size=n_edges),
    )


def _read(record: Path) -> int | None:
    try:
        number = int(record.read_text())
    except (FileNotFoundError, ValueError):
        return None
    return number if number >= SMALLEST_CHUNK else None
