"""Vacancy and surfaces."""

from moe_ipi.validation.checks import defects
from tests.helpers.subjects import numbers, subject


def test_a_region_around_the_vacancy_helps():
    found = numbers(defects.check(subject()))
    assert abs(found["vacancy, MoE / complex - 1"]) < abs(found["vacancy, bulk / complex - 1"])
