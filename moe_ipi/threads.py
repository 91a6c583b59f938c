"""Processor cores and the threads that use them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from typing import TypeVar

_A = TypeVar("_A")
_B = TypeVar("_B")
#: Chunks of edges that are evaluated at once.
_workers = 1


def available_cores() -> int:
    """Cores that this process may use."""
    # macOS has no affinity.
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def threads_per_driver(n_drivers: int) -> int:
    """Threads of each of ``n_drivers`` drivers that share the cores."""
    return max(1, available_cores() // max(1, n_drivers))


def set_threads(n: int) -> None:
    """Let this process compute with ``n`` threads of torch: for models that are not compiled."""
    import torch  # slow to import

    global _workers
    torch.set_num_threads(n)
    _workers = 1


def set_workers(n: int) -> None:
    """Let this process evaluate ``n`` chunks of edges at once, each with one thread: for compiled models on the CPU.

    Within a chunk there is too little for several threads to share.
    torch itself has one thread then, in the whole process.
    """
    import torch

    global _workers
    torch.set_num_threads(1)
    _workers = n


def threads() -> int:
    """The number that :func:`set_threads` or :func:`set_workers` was called with, else as many as torch takes."""
    import torch

    return max(_workers, int(torch.get_num_threads()))


def workers() -> int:
    """Chunks that are evaluated at once."""
    return _workers


@contextmanager
def one_thread() -> Iterator[None]:
    """Within it, this process computes with one thread."""
    import torch

    global _workers
    before = _workers, torch.get_num_threads()
    set_threads(1)
    try:
        yield
    finally:
        _workers = before[0]
        torch.set_num_threads(before[1])


def in_parallel(function: Callable[[_A], _B], arguments: Sequence[_A], most: int) -> list[_B]:
    """The results for all arguments, in their order, at most ``most`` at once.

    Args:
        function: leaves the interpreter to others while it computes.
        arguments: what it is called with.
        most: how many calls it bears at once.
    """
    number = min(_workers, most, len(arguments))
    if number <= 1:
        return [function(argument) for argument in arguments]
    return list(_pool(number).map(function, arguments))


@cache
def _pool(number: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(number, "moe_ipi")


# A child of a fork has none of the threads.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pool.cache_clear)
