"""Phonons."""

import sys

import numpy as np
import pytest

from moe_ipi.validation.checks import phonons
from tests.helpers.subjects import subject


def test_sound_has_no_frequency_at_gamma():
    check = phonons.check(subject())
    rows = {(row[0], row[1]): row[2:] for row in check.tables[0].rows}
    assert np.abs(rows["complex", "Γ"]).max() < 0.01 < 1.0 < min(rows["complex", "X"])
    (plot,) = check.plots
    assert [name for _, name in plot.x_ticks] == ["Γ", "X|K", "Γ", "L"]
    # A curve for each leg, model and branch: none crosses the break of the path.
    assert len(plot.curves) == 3 * 2 * 3
    end = plot.x_ticks[1][0]
    assert end == pytest.approx(1.0) and all(max(c.x) <= end or min(c.x) >= end for c in plot.curves)


def test_phonopy_is_optional(monkeypatch):
    monkeypatch.setitem(sys.modules, "phonopy", None)
    check = phonons.check(subject())
    assert "pip install 'moe-ipi[validation]'" in check.skipped and check.passed is None
