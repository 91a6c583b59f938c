"""What mixing forces breaks, and one energy does not."""

import numpy as np

from moe_ipi.properties.nve import thermalised
from moe_ipi.validation.force_mixing import ForceMixing
from tests.helpers.subjects import subject


def test_force_mixing_breaks_newtons_third_law():
    some = subject()
    atoms = thermalised(some.structure, some.calculator("complex"), 30, seed=2)
    mask = some.assignment(atoms)
    assert 0 < mask.sum() < len(mask)
    forces = {}
    for name, calculator in (("mixing", ForceMixing(some.potential, mask)), ("moe", some.mixed(mask))):
        work = atoms.copy()
        work.calc = calculator
        forces[name] = work.get_forces()
    assert np.abs(forces["moe"].sum(axis=0)).max() < 1e-10
    assert np.abs(forces["mixing"].sum(axis=0)).max() > 1e-3
    for name in ("complex", "bulk"):
        work = atoms.copy()
        work.calc = some.calculator(name)
        part = mask if name == "complex" else ~mask
        np.testing.assert_array_equal(forces["mixing"][part], work.get_forces()[part])
