"""Conservation of the energy, against force mixing."""

from moe_ipi.validation.checks import drift
from tests.helpers.subjects import numbers, subject, within


def test_the_check():
    check = drift.check(subject())
    assert all(within(check)) and numbers(check)["force mixing, largest deviation over MoE's"] > 3
    rows = {row[0]: row for row in check.tables[0].rows}
    assert abs(rows["MoE"][2]) < 5 * abs(rows["complex everywhere"][2])
