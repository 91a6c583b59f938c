"""Processor cores and the threads that use them."""

from __future__ import annotations

import os


def available_cores() -> int:
    """Cores that this process may use."""
    # macOS has no affinity.
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def threads_per_driver(n_drivers: int) -> int:
    """Threads of each of ``n_drivers`` drivers that share the cores."""
    return max(1, available_cores() // max(1, n_drivers))


def set_threads(n: int) -> None:
    """Let the experts of this process compute with ``n`` threads."""
    import torch  # slow to import

    torch.set_num_threads(n)
