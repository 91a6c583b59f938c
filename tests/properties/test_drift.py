"""Drift of a conserved quantity."""

import numpy as np
import pytest

from moe_ipi.properties.drift import conserved_drift


def test_drift_of_a_known_line():
    time = np.linspace(0, 2, 101)
    drift = conserved_drift(time, 7.0 + 0.003 * time, n_atoms=3)
    assert drift.slope == pytest.approx(1.0)
    assert drift.spread == pytest.approx(0.0, abs=1e-9)
    assert drift.largest == pytest.approx(2.0)
