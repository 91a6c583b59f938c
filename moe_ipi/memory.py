"""What the C library does with memory that is freed."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Mapping

#: mallopt(3): option, the variable that sets it, and its value.  Up to 1 GiB comes from the heap instead of a mapping
#: of its own, and the heap keeps up to 2 GB at its end.
_OPTIONS = ((-3, "MALLOC_MMAP_THRESHOLD_", 1 << 30), (-1, "MALLOC_TRIM_THRESHOLD_", 2_000_000_000))


def keep_freed_memory() -> bool:
    """Let this process keep memory that it frees, for what it allocates next.

    Models that are not compiled allocate large tensors and free them in every evaluation.  By default glibc maps and
    unmaps each of them, and the system fills its pages with zeros again: more than half of the time of an evaluation.

    Returns:
        Whether something was set: not without glibc, and not where a ``MALLOC_`` variable says what is wanted.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None or _is_said(os.environ):
        return False
    return all([mallopt(option, value) == 1 for option, _, value in _OPTIONS])


def environment_that_keeps(environment: Mapping[str, str]) -> dict[str, str]:
    """The same for a program that is to be started: an environment with the variables of glibc."""
    said = {} if _is_said(environment) else {name: str(value) for _, name, value in _OPTIONS}
    return dict(environment) | said


def _is_said(environment: Mapping[str, str]) -> bool:
    return any(name in environment for _, name, _ in _OPTIONS)
