"""What an expert costs."""

import torch
from ase.neighborlist import neighbor_list

from moe_ipi.validation.checks import cost
from tests.helpers.structures import displaced
from tests.helpers.subjects import numbers, subject


def test_cost_counts_edges_and_leaves_the_threads_alone():
    before = torch.get_num_threads()
    check = cost.check(subject())
    assert torch.get_num_threads() == before
    # 78 and 42 neighbours of a fcc atom lie within 5.0 A (4 shells and one more at 3.9 A) ... counted directly:
    crystal = displaced(subject().crystal.unit.repeat(3), 1)
    for row, cutoff in zip(check.tables[0].rows, (5.0, 4.2), strict=True):
        assert row[1] == cutoff and row[2] == len(neighbor_list("i", crystal, cutoff))
    assert check.passed is None  # analytic experts are not compiled
    assert numbers(check)["complex : bulk, per bulk atom"] > 0  # a time: nothing more is certain
