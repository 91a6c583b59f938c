"""Random strains."""

import numpy as np

from moe_ipi.properties.strains import random_strains


def test_random_strains_reach_the_bound():
    strains = random_strains(1, 0.03, 5)
    assert len(strains) == 11 and max(np.abs(s).max() for s in strains) == 0.03
    assert all(np.array_equal(s, s.T) for s in strains)
