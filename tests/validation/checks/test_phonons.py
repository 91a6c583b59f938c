"""Phonons."""

import sys

import numpy as np

from moe_ipi.validation.checks import phonons
from tests.helpers.subjects import subject


def test_sound_has_no_frequency_at_gamma():
    check = phonons.check(subject())
    rows = {(row[0], row[1]): row[2:] for row in check.tables[0].rows}
    assert np.abs(rows["complex", "G"]).max() < 0.01 < 1.0 < min(rows["complex", "X"])


def test_phonopy_is_optional(monkeypatch):
    monkeypatch.setitem(sys.modules, "phonopy", None)
    check = phonons.check(subject())
    assert "pip install 'moe-ipi[validation]'" in check.skipped and check.passed is None
