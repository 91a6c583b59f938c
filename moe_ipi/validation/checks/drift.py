"""Drift of the energy in NVE dynamics: full complex expert, both experts, and force mixing."""

from __future__ import annotations

from moe_ipi.properties.nve import TEMPERATURE, TIMESTEP_FS, nve, thermalised
from moe_ipi.validation.force_mixing import ForceMixing
from moe_ipi.validation.result import Check, Curve, Plot, Quantity, Row, Table
from moe_ipi.validation.subject import Subject

#: Steps of thermalisation and of NVE dynamics.
STEPS, QUICK_STEPS = (100, 500), (20, 60)


def check(subject: Subject) -> Check:
    """Does one energy of two experts conserve as well as one expert?"""
    result = Check(
        "drift",
        "Energy conservation",
        f"NVE dynamics at {TEMPERATURE:.0f} K from one start, a step of {TIMESTEP_FS} fs, regions frozen. Force "
        "mixing (as ML-MIX does it, for comparison only) has no energy of its own: shown is the kinetic energy plus "
        "the mixed energies of the atoms.",
    )
    structure = subject.structure
    n = len(structure)
    mask = subject.assignment(structure)
    thermalise, steps = QUICK_STEPS if subject.quick else STEPS
    start = thermalised(structure, subject.mixed(mask), thermalise, subject.seed)
    calculators = {
        "complex everywhere": subject.calculator("complex"),
        "MoE": subject.mixed(mask),
        "force mixing": ForceMixing(subject.potential, mask),
    }
    runs = {name: nve(start, calculator, steps) for name, calculator in calculators.items()}
    full, moe = runs["complex everywhere"], runs["MoE"]
    limit = max(abs(full.drift.slope), full.resolution)
    result.quantities = [
        Quantity(
            "MoE, drift",
            abs(moe.drift.slope),
            "meV/atom/ps",
            limit,
            note="no more than the complex expert everywhere, or than this run can tell from zero",
            judged=not subject.quick,
            remedy="If the complex expert drifts too, take a smaller time step; if MoE alone does, run longer (without "
            "--quick) and report it: one energy with frozen regions is conserved.",
        ),
        Quantity(
            "force mixing, largest deviation over MoE's",
            runs["force mixing"].drift.largest / moe.drift.largest,
            note="what is avoided by mixing energies",
        ),
    ]
    rows: tuple[Row, ...] = tuple(
        (name, *(round(v, 4) for v in (r.drift.slope, r.drift.spread, r.drift.largest, r.per_sigma(n))))
        for name, r in runs.items()
    )
    columns = ("", "drift, meV/atom/ps", "spread, meV/atom", "largest deviation, meV/atom", "drift in 1 ps / sigma")
    result.tables.append(
        Table(f"{n} atoms, {int(mask.sum())} complex, {steps * TIMESTEP_FS / 1000:.2f} ps", columns, rows)
    )
    curves = tuple(
        Curve(name, tuple(map(float, r.time)), tuple(map(float, 1000 * (r.energy - r.energy[0]) / n)))
        for name, r in runs.items()
    )
    result.plots.append(Plot("Conserved energy", "time, ps", "change, meV/atom", curves))
    return result
