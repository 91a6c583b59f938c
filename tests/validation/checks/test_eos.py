"""Equation of state."""

import tomllib

import pytest

from moe_ipi import load_config, pretrained
from moe_ipi.config import ComputeConfig
from moe_ipi.validation.checks import eos
from moe_ipi.validation.subject import Subject
from tests.helpers.subjects import numbers, slab, subject


def test_equation_of_state_numbers():
    """The check's numbers are those of the two experts' own fits."""
    found = eos.check(subject())
    (table,) = found.tables
    a = {row[0]: row[1] for row in table.rows}
    assert numbers(found)["lattice parameter, bulk - complex"] == pytest.approx(a["bulk"] - a["complex"], abs=2e-4)
    assert a["complex"] == pytest.approx(3.926, abs=0.001)


def test_the_offset_that_makes_a_change_of_expert_neutral():
    """It is said with the difference, and with it the crystal at its minimum has one energy whoever has its atoms."""
    pair = load_config(pretrained("pt-co"))
    bulk = pair.experts.bulk.model_copy(update={"offsets": {"Pt": 0.3}})
    found = []
    for _ in range(2):
        experts = pair.experts.model_copy(update={"bulk": bulk})
        one = pair.model_copy(update={"experts": experts, "compute": ComputeConfig(chunk=4000)})
        check = eos.check(Subject(one, slab(), [], quick=True))
        quantity = next(q for q in check.quantities if q.name.startswith("reference energy"))
        found.append(quantity.value)
        offsets = tomllib.loads(quantity.note.partition("experts.bulk.")[2].partition(" (eV)")[0])["offsets"]
        bulk = bulk.model_copy(update={"offsets": offsets})
    # meV
    assert found[0] == pytest.approx(300, abs=5) and abs(found[1]) < 1e-3
