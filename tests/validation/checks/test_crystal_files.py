"""Checks of crystals that are from files: of two elements, and not cubic."""

import numpy as np
import pytest
from ase.build import bulk
from ase.io import write

from moe_ipi.config import Config
from moe_ipi.validation.about import Origins, about
from moe_ipi.validation.checks import CHECKS
from moe_ipi.validation.subject import Subject
from tests.helpers.subjects import A0, config, numbers, slab, subject, within

#: Pt and C in the lattice of CsCl: near a minimum of the analytic experts, for which it is not stable.
COMPOUND = bulk("PtC", "cesiumchloride", a=2.7)
CRYSTAL = ("eos", "elastic", "interface", "defects", "phonons")


def of(tmp_path, atoms, bulk_expert="bulk") -> Subject:
    write(tmp_path / "crystal.xyz", atoms, format="extxyz")
    plain = config(bulk=bulk_expert).model_dump()
    plain["validation"] = {"crystal": tmp_path / "crystal.xyz"}
    return Subject(Config.model_validate(plain), slab(), [], quick=True)


@pytest.mark.parametrize("key", CRYSTAL)
def test_equal_experts_agree_on_a_compound(tmp_path, key):
    check = CHECKS[key](of(tmp_path, COMPOUND, "complex"))
    assert [q.name for q in check.quantities if q.within is False] == ["lowest frequency"] * (key == "phonons")
    assert within(check)
    assert all(abs(q.value) < 0.01 for q in check.quantities if "- complex" in q.name or "/ complex - 1" in q.name)


def test_unequal_experts_are_found_on_a_compound(tmp_path):
    one = of(tmp_path, COMPOUND)
    assert not all(within(CHECKS["eos"](one))) and not all(within(CHECKS["interface"](one)))
    a = {row[0]: row[1] for row in CHECKS["eos"](one).tables[0].rows}
    assert a["complex"] == pytest.approx(2.693, abs=0.002) and a["bulk"] == pytest.approx(2.692, abs=0.002)
    note = next(q.note for q in CHECKS["eos"](one).quantities if q.name.startswith("reference energy"))
    assert "Pt, C" in note and "offsets =" not in note
    assert "Pm-3m" in about(one, Origins("", "", ""))["crystal"]


def test_a_vacancy_of_each_element(tmp_path):
    check = CHECKS["defects"](of(tmp_path, COMPOUND))
    found = numbers(check)
    for element in ("Pt", "C"):
        near, far = (abs(found[f"vacancy of {element}, {who} - complex"]) for who in ("MoE", "bulk"))
        assert near < far
    assert "terminations" in check.explanation and [row[0] for row in check.tables[0].rows][:2] == ["complex", "bulk"]


@pytest.mark.parametrize("key", ["eos", "interface", "phonons"])
def test_a_file_of_one_element_is_the_element(tmp_path, key):
    read, named = numbers(CHECKS[key](of(tmp_path, bulk("Pt", a=A0)))), numbers(CHECKS[key](subject()))
    assert read.keys() == named.keys()
    assert np.allclose(list(read.values()), list(named.values()), rtol=1e-3, atol=1e-3)


def test_a_crystal_that_is_not_cubic(tmp_path):
    one = of(tmp_path, bulk("Pt", "hcp", a=2.77, c=4.6), "complex")
    for key in ("elastic", "phonons"):
        assert "not cubic" in CHECKS[key](one).skipped
    for key in ("eos", "interface", "defects"):
        check = CHECKS[key](one)
        assert within(check) and all(within(check)), numbers(check)
    lengths = CHECKS["eos"](one).tables[0].rows[0][1]
    a, b, c = map(float, lengths.split(" × "))
    assert a == b and c / a == pytest.approx(1.63, abs=0.05) and a != 2.77
