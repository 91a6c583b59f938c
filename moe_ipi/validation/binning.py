"""Many numbers as few: profiles along a distance, and densities of predictions."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from moe_ipi.typing import FloatArray
from moe_ipi.validation.result import Density

#: Bins of labels and predictions, and of residuals.
BINS, RESIDUAL_BINS = 60, 40


def by_bins(x: FloatArray, y: FloatArray, statistic: Callable[[FloatArray], float]) -> list[tuple[float, int, float]]:
    """(middle of the bin, how many x are in it, statistic of their y) for bins that are 1 wide and hold something.

    Args:
        x: (N,); those that are not finite are in no bin.
        y: (N, ...).
        statistic: makes one number of the y of a bin.
    """
    bins = np.floor(x)
    return [
        (float(b) + 0.5, int((bins == b).sum()), float(statistic(y[bins == b])))
        for b in np.unique(bins[np.isfinite(bins)])
    ]


def with_gaps(rows: list[tuple[float, int, float]]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """x and y of a curve through the bins of :func:`by_bins`, which no line crosses where bins are empty."""
    xs: list[float] = []
    ys: list[float] = []
    for x, _, y in rows:
        if xs and x > xs[-1] + 1.5:
            xs.append(xs[-1] + 1.0)
            ys.append(float("nan"))
        xs.append(x)
        ys.append(y)
    return tuple(xs), tuple(ys)


def rms(values: FloatArray) -> float:
    """Root mean square of all numbers; NaN of none."""
    return float(np.sqrt(np.mean(np.square(values)))) if np.size(values) else float("nan")


def force_density(title: str, labels: FloatArray, predictions: FloatArray) -> Density:
    """How many force components (eV/Å, two arrays of one shape) are where; every one that is finite is in a bin."""
    finite = np.isfinite(predictions)
    x, y = labels[finite], predictions[finite]
    residuals = 1000 * (y - x)
    reach, largest = (float(np.abs(values).max(initial=1e-12)) for values in (np.append(x, y), residuals))
    edges = np.linspace(-reach, reach, BINS + 1)
    residual_edges = np.linspace(-largest, largest, RESIDUAL_BINS + 1)
    counts = np.histogram2d(y, x, (edges, edges))[0]
    below = np.histogram2d(residuals, x, (residual_edges, edges))[0]
    return Density(
        title,
        "eV/Å",
        "meV/Å",
        tuple(map(float, edges)),
        tuple(tuple(map(int, row)) for row in counts),
        tuple(map(float, residual_edges)),
        tuple(tuple(map(int, row)) for row in below),
    )
