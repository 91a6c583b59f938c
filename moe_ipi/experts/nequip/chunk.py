"""How many edges an expert is given at once: measured once, and kept beside the compiled models.

Every call costs something, so does the memory for many edges, and a GPU wants many: the best number depends on the
model, the device and its threads.  It is kept because the energies of two numbers differ by
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
from moe_ipi.files import write_whole

_LARGEST = {"cpu": 128 * SMALLEST_CHUNK, "cuda": 1024 * SMALLEST_CHUNK}
#: A smaller number is as good if it is slower by no more than this: it takes less memory.
_AS_GOOD = 1.03
#: Those that are slower than the best by this, and larger ones, are given up.
_WORSE = 1.2
_ROUNDS = 5
#: Seconds: a call that would take longer is not tried, so that the measurement of any model is a matter of seconds.
_LONGEST = 0.5
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
                write_whole(record, f"{known}\n")
            return known
    except OSError:
        return expert.default_chunk


def best_chunk(seconds: Callable[[int], float], largest: int) -> int:
    """The smallest number of edges (powers of two times a thousand) whose time per edge is about the best.

    All are measured in turn, several times, and the best time of each counts: other processes only add to it.

    Args:
        seconds: time of a call with so many edges.
        largest: no more than these are tried.
    """
    times: dict[int, float] = {}
    tried = [SMALLEST_CHUNK]
    while 2 * tried[-1] <= largest:
        tried.append(2 * tried[-1])
    for _ in range(_ROUNDS):
        for position, size in enumerate(tried):
            try:
                times[size] = min(times.get(size, np.inf), seconds(size) / size)
            except torch.OutOfMemoryError:
                del tried[position:]
                times.pop(size, None)
                break
            # The larger ones are worse still, or take too long.
            worse = position > 1 and times[size] > _WORSE * min(times.values())
            if worse or 2 * size * times[size] > _LONGEST:
                del tried[position + 1 :]
        tried = [size for size in tried if times[size] <= _WORSE * min(times.values())]
    limit = _AS_GOOD * min(times.values(), default=0.0)
    return next((size for size in sorted(times) if times[size] <= limit), SMALLEST_CHUNK)


def _seconds(expert: NequipExpert, n_edges: int) -> float:
    """Time of one call with so many edges."""
    environments = crystal_like(expert, n_edges)
    # One thread's time of the processor does not count what other processes take.
    alone = expert.device.type == "cpu" and torch.get_num_threads() == 1
    clock = time.process_time if alone else time.perf_counter
    fastest = np.inf
    for turn in range(3 if n_edges <= 4 * SMALLEST_CHUNK else 2):
        start = clock()
        expert.evaluate(environments)
        if turn:  # the first one warms up
            fastest = min(fastest, clock() - start)
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
