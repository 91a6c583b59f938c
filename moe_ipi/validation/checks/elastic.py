"""Elastic constants."""

from __future__ import annotations

from moe_ipi.properties.elastic import elastic_constants, mechanically_stable
from moe_ipi.validation.checks.eos import NO_CRYSTAL, NOT_CUBIC
from moe_ipi.validation.result import Check, Quantity, Table
from moe_ipi.validation.subject import Subject

#: Largest difference between the experts, %.
TOLERANCE = 3.0
REMEDY = (
    "Train the pair for longer (moe-ipi distill: --steps), or with larger coefficients of crystal_stress "
    "and agreement_stress (training/README.md), on strained crystals, too."
)


def check(subject: Subject) -> Check:
    """C11, C12 and C44 of both experts."""
    result = Check(
        "elastic",
        "Elastic constants",
        "A cheap expert can have small force errors and wrong elastic constants; then long waves refract at the "
        "interface. Stress against strain of 0.5 %, each model at its own lattice parameter.",
    )
    if subject.config.validation is None:
        result.skipped = NO_CRYSTAL
        return result
    if subject.crystal.centring is None:
        result.skipped = NOT_CUBIC
        return result
    constants = {}
    for name in subject.models:
        constants[name] = elastic_constants(subject.perfect(name), subject.calculator(name))
    for k, label in enumerate(("C11", "C12", "C44")):
        ratio = constants["bulk"][k] / constants["complex"][k]
        result.quantities.append(
            Quantity(f"{label}, bulk / complex - 1", 100 * (ratio - 1), "%", TOLERANCE, remedy=REMEDY)
        )
    result.tables.append(
        Table(
            "Elastic constants",
            ("model", "C11, GPa", "C12, GPa", "C44, GPa", "mechanically stable"),
            tuple(
                (name, *(round(c, 1) for c in cs), "yes" if mechanically_stable(*cs) else "no")
                for name, cs in constants.items()
            ),
        )
    )
    return result
