"""Verdicts."""

import json

from moe_ipi.validation.result import Check, Quantity, Table


def test_verdicts():
    assert Quantity("a", -2.0, tolerance=2.0).passed and not Quantity("a", -2.1, tolerance=2.0).passed
    assert Quantity("a", 3.0, tolerance=2.0, minimum=True).passed
    assert Quantity("a", float("nan"), tolerance=2.0).passed is False and Quantity("a", 1.0).passed is None
    loose = Quantity("a", 3.0, tolerance=2.0, judged=False)
    assert (loose.passed, loose.within, loose.verdict) == (None, False, "not judged")
    assert Quantity("a", float("nan"), tolerance=2.0, judged=False).verdict == "FAIL"
    assert Check("k", "t", "").passed is None and Check("k", "t", "", error="broken").passed is False
    assert Check("k", "t", "", [Quantity("a", 1.0), Quantity("b", 1.0, tolerance=2.0)]).passed is True
    assert json.dumps(Check("k", "t", "", tables=[Table("t", ("a",), ((1,),))]).as_dict())
