"""The real-valued greatest common divisor."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moe_ipi.regions.period import common_period


@given(st.lists(st.integers(-12, 12), min_size=1, max_size=3), st.floats(1.0, 30.0))
@settings(deadline=None)
def test_multiples_of_a_length(multiples, length):
    divisor = np.gcd.reduce(multiples)
    assert common_period(length * np.array(multiples)) == pytest.approx(length * divisor, rel=1e-12)


def test_noise_as_of_a_file_with_five_decimals():
    assert common_period([20.00001, -29.99999, 1e-5]) == pytest.approx(10.0, abs=1e-4)


@pytest.mark.parametrize("lengths", [(10.0, 10.0 * 2**0.5), (2.77, 2.77 * (1 + 5**0.5) / 2, 9.0), (30.0, 30.01)])
def test_no_period(lengths):
    assert common_period(lengths) is None


@pytest.mark.parametrize("lengths", [(), (0.0, 0.0), (1e-12,)])
def test_nothing_moves_along_the_line(lengths):
    assert common_period(lengths) == 0.0
