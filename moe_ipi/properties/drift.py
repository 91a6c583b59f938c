"""How well a run conserves what it should."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike


@dataclass(frozen=True)
class Drift:
    """Drift of a conserved quantity.

    Attributes:
        slope: least-squares slope, meV/atom/ps.
        spread: standard deviation about the fitted line, meV/atom.
        largest: largest deviation from the first value, meV/atom.
    """

    slope: float
    spread: float
    largest: float


def conserved_drift(time: ArrayLike, conserved: ArrayLike, n_atoms: int) -> Drift:
    """Fit a line to a conserved quantity.

    Args:
        time: (T,) ps, at least two different values.
        conserved: (T,) eV, of the whole system.
        n_atoms: number of atoms.
    """
    t = np.asarray(time, dtype=float)
    e = 1000.0 * np.asarray(conserved, dtype=float) / n_atoms
    slope, intercept = np.polyfit(t - t[0], e - e[0], 1)
    residual = e - e[0] - (slope * (t - t[0]) + intercept)
    return Drift(float(slope), float(residual.std()), float(np.abs(e - e[0]).max()))
