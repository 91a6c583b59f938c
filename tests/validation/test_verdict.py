"""The verdict."""

from moe_ipi.validation.result import Check, Quantity
from moe_ipi.validation.verdict import verdict

GOOD = Quantity("good", 0.5, tolerance=1.0)
BAD = [Quantity(name, 2.0, tolerance=1.0, remedy="train") for name in ("bad", "worse")]
OPEN = Quantity("open", 2.0, tolerance=1.0, judged=False)


def test_what_passed_what_failed_and_what_was_not_judged():
    found = verdict([Check("a", "A", "", [GOOD, BAD[0], OPEN]), Check("b", "B", "", [BAD[1]])], ["c"])
    assert not found["passed"] and found["headline"] == "2 of 3 judged quantities are outside tolerance"
    assert [e["name"] for e in found["passed_quantities"]] == ["good"]
    assert [e["name"] for e in found["not_judged"]] == ["open"] and found["left_out"] == ["c"]
    (helps,) = found["remedies"]
    assert helps["remedy"] == "train" and [e["name"] for e in helps["failed"]] == ["bad", "worse"]


def test_checks_without_numbers():
    broken, skipped = Check("a", "A", "", error="E"), Check("b", "B", "", skipped="no labels")
    found = verdict([broken, skipped, Check("c", "C", "", [GOOD])])
    assert not found["passed"] and found["headline"].endswith("tolerances; 1 check broke off")
    assert found["broken"][0]["reason"] == "E" and found["not_made"][0]["reason"] == "no labels"
    assert verdict([skipped])["passed"] and verdict([skipped])["headline"] == "nothing was judged"


def test_what_was_interrupted_has_not_passed():
    found = verdict([Check("a", "A", "", [GOOD])], ["b"], interrupted=True)
    assert not found["passed"] and found["headline"].startswith("interrupted before it was complete")
