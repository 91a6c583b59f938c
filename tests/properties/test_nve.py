"""Short runs: reproducible, and a wrong force shows."""

import numpy as np
import pytest

from moe_ipi.calculator import MoECalculator
from moe_ipi.properties.nve import nve, thermalised
from tests.helpers.subjects import slab, subject


@pytest.fixture(scope="module")
def start():
    some = subject()
    return some, thermalised(some.structure, some.calculator("complex"), 30, seed=2)


def test_energy_that_is_not_conserved_is_seen(start):
    """Against a calculator whose forces are wrong by 2 %."""
    some, atoms = start

    class Wrong(MoECalculator):
        def calculate(self, *args, **kwargs):
            super().calculate(*args, **kwargs)
            self.results["forces"] = 1.02 * self.results["forces"]

    right = nve(atoms, some.calculator("complex"), 60)
    wrong = nve(atoms, Wrong(some.potential, hamiltonian="complex"), 60)
    assert wrong.drift.largest > 5 * right.drift.largest
    assert right.kinetic_sigma > 0 and right.per_sigma(len(slab())) < wrong.per_sigma(len(slab()))


def test_the_same_seed_gives_the_same_run(start):
    some, atoms = start
    again = thermalised(slab(), some.calculator("complex"), 30, seed=2)
    np.testing.assert_array_equal(atoms.positions, again.positions)
    np.testing.assert_array_equal(atoms.get_velocities(), again.get_velocities())
