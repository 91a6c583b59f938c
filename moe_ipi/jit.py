"""numba, with compiled functions kept on disk wherever there is a place for them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

_F = TypeVar("_F", bound=Callable[..., Any])


def jit(**options: Any) -> Callable[[_F], _F]:
    """``numba.njit(nogil=True, cache=True, **options)`` as a decorator, also where nothing is writable.

    numba keeps what it compiled next to the source, else in the user's cache folder, else it refuses the function with
    a RuntimeError, at import.  Then the function is compiled anew in each process instead.
    """

    def decorate(function: _F) -> _F:
        try:
            return cast(_F, numba.njit(nogil=True, cache=True, **options)(function))
        except RuntimeError:
            return cast(_F, numba.njit(nogil=True, **options)(function))

    return decorate
