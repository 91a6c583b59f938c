"""The period of a lattice along a line."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

#: A.  Lengths that differ by less are the same, as after a file with five decimals.
_SAME = 1e-4
#: A.  Periods shorter than this are not told from no period at all.
_SHORTEST = 0.05


def common_period(lengths: ArrayLike) -> float | None:
    """The largest length (A) of which all the given lengths (A) are whole multiples, to within 1e-4 A.

    Euclid's algorithm with real numbers; the result is then refined by least squares, so that it does not depend
    on the path of the algorithm.  Integer combinations of the lengths have the same period.

    Returns:
        The period; 0 if all lengths are zero (or there are none); None if there is none of at least 0.05 A.
    """
    lengths = np.abs(np.asarray(lengths, dtype=np.float64))
    lengths = lengths[lengths > _SAME]
    if len(lengths) == 0:
        return 0.0
    period = float(lengths.min())
    for length in lengths:
        larger, smaller = float(max(length, period)), float(min(length, period))
        while smaller > _SAME:
            larger, smaller = smaller, abs(larger - round(larger / smaller) * smaller)
        period = larger
        if period < _SHORTEST:
            return None
    multiples = np.round(lengths / period)
    period = float(lengths @ multiples / (multiples @ multiples))
    return period if np.all(np.abs(lengths - multiples * period) <= _SAME) else None
