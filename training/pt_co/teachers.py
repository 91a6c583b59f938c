"""The calculators that sample and label: SevenNet, a trained expert, or ASE's EMT for a quick look at the recipe."""

from __future__ import annotations

from functools import cache

from ase.calculators.calculator import Calculator
from ase.calculators.emt import EMT

#: name on the command line: (model that moves CO on Pt, model that labels)
TEACHERS = {"sevennet": ("7net-0", "7net-l3i5"), "emt": ("emt", "emt")}


@cache
def calculator(name: str) -> Calculator:
    """A calculator on one thread, loaded once a process.

    Args:
        name: a model of :data:`TEACHERS`, or the path of a ``moe.toml``: its complex expert on every atom.
    """
    if name == "emt":
        return EMT()
    if name.endswith(".toml"):
        return _complex_expert(name)
    import torch
    from sevenn.calculator import SevenNetCalculator

    torch.set_num_threads(1)
    return SevenNetCalculator(name, device="cpu")


def _complex_expert(config: str) -> Calculator:
    """The complex expert of a pair, compiled, for every atom of any structure."""
    import numpy as np
    import torch

    from moe_ipi import MoECalculator

    class ComplexExpert(MoECalculator):
        def calculate(self, atoms=None, *args, **kwargs):
            if atoms is not None and (self.assignment is None or len(self.assignment) != len(atoms)):
                self.set_assignment(np.ones(len(atoms), bool))
            super().calculate(atoms, *args, **kwargs)

    torch.set_num_threads(1)
    return ComplexExpert.from_config(config, compile=True)
