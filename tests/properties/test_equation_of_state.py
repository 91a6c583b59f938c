"""Against published numbers of a known potential."""

import pytest
from ase.build import bulk
from ase.calculators.emt import EMT

from moe_ipi.errors import MoEError
from moe_ipi.properties.elastic import elastic_constants, mechanically_stable
from moe_ipi.properties.equation_of_state import equation_of_state


def test_emt_copper():
    """EMT's Cu: a0 3.59 A and B 134 GPa (Jacobsen, Stoltze and Norskov, Surf. Sci. 366, 394 (1996), table 3)."""
    unit = bulk("Cu", a=3.6, cubic=True)
    fit = equation_of_state(unit, EMT())
    assert fit.lattice_parameter == pytest.approx(3.59, abs=0.005)
    assert fit.bulk_modulus == pytest.approx(134, rel=0.03)
    c11, c12, c44 = elastic_constants(bulk("Cu", a=fit.lattice_parameter, cubic=True), EMT())
    assert (c11 + 2 * c12) / 3 == pytest.approx(fit.bulk_modulus, rel=0.01)
    assert c11 > c12 > c44 > 50
    assert mechanically_stable(c11, c12, c44) and not mechanically_stable(c11, c11 + 1, c44)


def test_the_crystal_must_be_near_its_minimum():
    with pytest.raises(MoEError, match=r"correct validation\.lattice_parameter"):
        equation_of_state(bulk("Cu", a=4.4, cubic=True), EMT())
