"""Profiles and densities."""

import math

import numpy as np

from moe_ipi.validation.binning import by_bins, force_density, rms, with_gaps


def test_no_line_crosses_an_empty_range():
    rows = by_bins(np.array([0.2, 0.7, 1.5, 4.1, np.nan]), np.array([3.0, 4.0, 1.0, 2.0, 9.0]), rms)
    assert rows == [(0.5, 2, math.sqrt(12.5)), (1.5, 1, 1.0), (4.5, 1, 2.0)]
    x, y = with_gaps(rows)
    assert x == (0.5, 1.5, 2.5, 4.5) and math.isnan(y[2]) and y[3] == 2.0


def test_every_component_is_in_the_density():
    rng = np.random.default_rng(1)
    labels = rng.normal(size=(40, 3))
    predictions = labels + 0.1
    predictions[0, 0] = labels[0, 0] + 3.0
    density = force_density("d", labels, predictions)
    counts, residuals = np.array(density.counts), np.array(density.residuals)
    assert counts.sum() == residuals.sum() == 120
    # Rows are predictions: above the diagonal, where they are too large.
    assert np.triu(counts, 1).sum() < np.tril(counts, -1).sum()
    (row,) = np.flatnonzero(residuals.sum(axis=1) == 119)
    assert density.residual_edges[row] <= 100 <= density.residual_edges[row + 1]
    predictions[0] = np.nan
    assert np.sum(force_density("d", labels, predictions).counts) == 117
