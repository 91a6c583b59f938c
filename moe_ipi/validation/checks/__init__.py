"""The checks, in their order: a file each, whose name is the key, with a function ``check(subject)``."""

from __future__ import annotations

from collections.abc import Callable

from moe_ipi.validation.checks import cost, defects, drift, elastic, eos, interface, parity, phonons
from moe_ipi.validation.result import Check
from moe_ipi.validation.subject import Subject

#: What a check is: it measures a subject.
CheckFunction = Callable[[Subject], Check]

CHECKS: dict[str, CheckFunction] = {
    module.__name__.rpartition(".")[2]: module.check
    for module in (parity, eos, elastic, interface, defects, phonons, drift, cost)
}
