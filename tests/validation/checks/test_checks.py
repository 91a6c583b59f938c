"""What every check has in common, and what those of crystals find for equal and unequal experts."""

import re
from pathlib import Path

import pytest

from moe_ipi.validation import checks
from moe_ipi.validation.checks import CHECKS
from moe_ipi.validation.cli import _check_keys
from moe_ipi.validation.run import COMPARED
from tests.helpers.subjects import labelled, numbers, slab, subject, within

CRYSTAL = ("eos", "elastic", "interface", "defects", "phonons")


def test_a_check_is_a_file_of_its_name():
    files = {path.stem for path in Path(checks.__file__).parent.glob("*.py")} - {"__init__"}
    assert set(CHECKS) == files
    for key, check in CHECKS.items():
        assert check.__module__ == f"moe_ipi.validation.checks.{key}"
    assert set(COMPARED) <= set(CHECKS)


def test_the_command_line_names_every_check():
    """It reads the names of the files, as importing the checks takes seconds."""
    assert _check_keys() == sorted(CHECKS)


@pytest.mark.parametrize("key", CHECKS)
def test_a_check_knows_its_key(key):
    check = CHECKS[key](subject(labels=[labelled(slab(), 1)]))
    assert check.key == key
    assert check.title and re.search(r"\.$", check.explanation) and check.quantities and not check.skipped


@pytest.mark.parametrize("key", CRYSTAL)
def test_equal_experts_agree(key):
    check = CHECKS[key](subject(bulk="complex"))
    assert within(check) and all(within(check)), numbers(check)
    assert check.passed is not False
    differences = [q.value for q in check.quantities if "/ complex - 1" in q.name or "difference" in q.name]
    assert all(abs(value) < 0.01 for value in differences)


@pytest.mark.parametrize("key", ["eos", "elastic", "interface", "phonons"])
def test_unequal_experts_are_found(key):
    check = CHECKS[key](subject())
    assert not all(within(check))
    assert check.explanation and check.tables


@pytest.mark.parametrize("key", CRYSTAL)
def test_no_crystal_no_check(key):
    some = subject()
    some.config = some.config.model_copy(update={"validation": None})
    check = CHECKS[key](some)
    assert "[validation]" in check.skipped and not check.quantities


@pytest.mark.parametrize("key", ["interface", "defects", "phonons", "drift"])
def test_a_quick_check_does_not_judge_what_needs_large_cells_or_long_runs(key):
    for check in (CHECKS[key](subject()), CHECKS[key](subject(bulk="complex"))):
        assert {quantity.verdict for quantity in check.quantities} <= {"not judged", "info"} and check.passed is None


def test_a_quick_failure_that_more_cannot_mend_is_one():
    """The largest of some differences is no larger than that of more, and so no verdict is reached in vain."""

    def largest_difference(**options: object):
        return next(q for q in CHECKS["eos"](subject(**options)).quantities if "largest difference" in q.name)

    unequal, equal = largest_difference(bulk="bulk"), largest_difference(bulk="complex")
    assert (unequal.verdict, equal.verdict) == ("FAIL", "not judged")
    full = largest_difference(quick=False)
    assert full.value >= unequal.value and full.verdict == "FAIL"
