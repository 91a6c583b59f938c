"""Crystals: against published numbers of a known potential, and against expectations for equal and unequal experts."""

import numpy as np
import pytest
from ase.build import bulk
from ase.calculators.emt import EMT

from moe_ipi.errors import MoEError
from moe_ipi.validation import crystal, defects, elastic, phonons, seam
from moe_ipi.validation.strains import elastic_constants, equation_of_state, random_strains
from tests.validation.subjects import numbers, subject

CHECKS = [crystal, elastic, seam, defects, phonons]


def test_emt_copper():
    """EMT's Cu: a0 3.59 A and B 134 GPa (Jacobsen, Stoltze and Norskov, Surf. Sci. 366, 394 (1996), table 3)."""
    unit = bulk("Cu", a=3.6, cubic=True)
    fit = equation_of_state(unit, EMT())
    assert fit.lattice_parameter == pytest.approx(3.59, abs=0.005)
    assert fit.bulk_modulus == pytest.approx(134, rel=0.03)
    c11, c12, c44 = elastic_constants(bulk("Cu", a=fit.lattice_parameter, cubic=True), EMT())
    assert (c11 + 2 * c12) / 3 == pytest.approx(fit.bulk_modulus, rel=0.01)
    assert c11 > c12 > c44 > 50


def test_the_crystal_must_be_near_its_minimum():
    with pytest.raises(MoEError, match=r"correct validation\.lattice_parameter"):
        equation_of_state(bulk("Cu", a=4.4, cubic=True), EMT())


def test_random_strains_reach_the_bound():
    strains = random_strains(1, 0.03, 5)
    assert len(strains) == 11 and max(np.abs(s).max() for s in strains) == 0.03
    assert all(np.array_equal(s, s.T) for s in strains)


@pytest.mark.parametrize("module", CHECKS, ids=lambda m: m.__name__.rsplit(".", 1)[1])
def test_equal_experts_agree(module):
    check = module.check(subject(bulk="complex"))
    assert check.passed, numbers(check)
    differences = [q.value for q in check.quantities if "/ complex - 1" in q.name or "difference" in q.name]
    assert all(abs(value) < 0.01 for value in differences)


@pytest.mark.parametrize("module", [crystal, elastic, seam, phonons], ids=lambda m: m.__name__.rsplit(".", 1)[1])
def test_unequal_experts_are_found(module):
    check = module.check(subject())
    assert check.passed is False
    assert check.explanation and check.tables


def test_equation_of_state_numbers():
    """The check's numbers are those of the two experts' own fits."""
    found = crystal.check(subject())
    (table,) = found.tables
    a = {row[0]: row[1] for row in table.rows}
    assert numbers(found)["lattice parameter, bulk - complex"] == pytest.approx(a["bulk"] - a["complex"], abs=2e-4)
    assert a["complex"] == pytest.approx(3.926, abs=0.001)


def test_spurious_forces_are_at_the_interface():
    check = seam.check(subject())
    profile = {c.label: dict(zip(c.x, c.y, strict=True)) for c in check.plots[0].curves}
    cutoff = 5.0
    for label in ("plane", "ball"):
        near = max(f for d, f in profile[label].items() if d < cutoff)
        assert near > 5
    far = [f for d, f in profile["ball"].items() if d > cutoff + 1]
    assert far and max(far) < 1e-6
    assert numbers(check)["largest spurious force at 0 K"] == pytest.approx(
        max(max(p.values()) for p in profile.values()), abs=1e-3
    )


def test_a_region_around_the_vacancy_helps():
    check = defects.check(subject())
    found = numbers(check)
    assert abs(found["vacancy, MoE / complex - 1"]) < abs(found["vacancy, bulk / complex - 1"])


def test_sound_has_no_frequency_at_gamma():
    check = phonons.check(subject())
    rows = {(row[0], row[1]): row[2:] for row in check.tables[0].rows}
    assert np.abs(rows["complex", "G"]).max() < 0.01 < 1.0 < min(rows["complex", "X"])


def test_phonopy_is_optional(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "phonopy", None)
    check = phonons.check(subject())
    assert "pip install 'moe-ipi[validation]'" in check.skipped and check.passed is None


@pytest.mark.parametrize("module", CHECKS, ids=lambda m: m.__name__.rsplit(".", 1)[1])
def test_no_crystal_no_check(module):
    some = subject()
    some.config = some.config.model_copy(update={"validation": None})
    check = module.check(some)
    assert "[validation]" in check.skipped and not check.quantities
