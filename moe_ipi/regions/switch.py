"""The smooth step from complex to bulk with the distance to a seed, and its logarithms, compiled by numba.

With u = (r - inner) / width the step is f = 1 - u^3 (10 - 15 u + 6 u^2), whose logarithms have poles at both ends: an
atom that has the other expert there would meet a force without bound.  Where the smaller of f and 1 - f is below its
value at u = 0.1, it goes on as the exponential that fits in value and slope; its logarithm is then a straight line, and
the force of the bias is never more than ``SLOPE`` kT per width and pair.
"""

from __future__ import annotations

import math

from moe_ipi.jit import jit

#: u at which the exponential begins, seen from each end.
EDGE = 0.1
#: 1 - f there, and the slope of its logarithm.
_VALUE = EDGE**3 * (10.0 - 15.0 * EDGE + 6.0 * EDGE**2)
SLOPE = 30.0 * EDGE**2 * (1.0 - EDGE) ** 2 / _VALUE
#: f is taken for 0 where it is smaller.
SMALLEST = 1e-15
#: The u at which that is.
REACH = 1.0 - EDGE + math.log(_VALUE / SMALLEST) / SLOPE
_LOG_VALUE = math.log(_VALUE)


@jit()
def log_outside(u: float) -> tuple[float, float]:
    """ln(1 - f) and its derivative by u; u: distance from the inner radius in units of the width."""
    if u < EDGE:
        return _LOG_VALUE + SLOPE * (u - EDGE), SLOPE
    if u <= 1.0 - EDGE:
        value = u * u * u * (10.0 - 15.0 * u + 6.0 * u * u)
        return math.log(value), 30.0 * (u * (1.0 - u)) ** 2 / value
    if u >= REACH:
        return 0.0, 0.0
    f = _VALUE * math.exp(-SLOPE * (u - 1.0 + EDGE))
    return math.log1p(-f), SLOPE * f / (1.0 - f)


@jit()
def log_inside(u: float) -> tuple[float, float]:
    """ln f and its derivative by u, without cancellation at either end: the step is odd about its middle.

    It is not cut at ``REACH`` but at ``1 - REACH``, where f is 1.
    """
    value, slope = log_outside(1.0 - u)
    return value, -slope
