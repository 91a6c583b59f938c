"""Equation of state."""

import pytest

from moe_ipi.validation.checks import eos
from tests.helpers.subjects import numbers, subject


def test_equation_of_state_numbers():
    """The check's numbers are those of the two experts' own fits."""
    found = eos.check(subject())
    (table,) = found.tables
    a = {row[0]: row[1] for row in table.rows}
    assert numbers(found)["lattice parameter, bulk - complex"] == pytest.approx(a["bulk"] - a["complex"], abs=2e-4)
    assert a["complex"] == pytest.approx(3.926, abs=0.001)
