"""The calculators that sample and label: SevenNet, or ASE's EMT for a quick look at the recipe."""

from __future__ import annotations

from functools import cache

from ase.calculators.calculator import Calculator
from ase.calculators.emt import EMT

#: name on the command line: (model that moves CO on Pt, model that labels)
TEACHERS = {"sevennet": ("7net-0", "7net-l3i5"), "emt": ("emt", "emt")}


@cache
def calculator(name: str) -> Calculator:
    """A calculator on one thread, loaded once a process."""
    if name == "emt":
        return EMT()
    import torch
    from sevenn.calculator import SevenNetCalculator

    torch.set_num_threads(1)
    return SevenNetCalculator(name, device="cpu")
