"""Vacancy and surface energies."""

from __future__ import annotations

import numpy as np

from moe_ipi.properties.defects import surface_energy, vacancy_energy
from moe_ipi.validation.checks.eos import NO_CRYSTAL
from moe_ipi.validation.result import Check, Quantity, Row, Table
from moe_ipi.validation.subject import Subject

#: Largest difference of the vacancy's energy, region around it, from the complex expert's, %.
TOLERANCE = 5.0
REMEDY = (
    "Enlarge the radii of [regions], so that the region holds all atoms that the vacancy disturbs, or train the bulk "
    "expert on crystals with vacancies, too."
)
#: Surfaces of each lattice.
FACES = {"fcc": ((1, 1, 1), (1, 0, 0)), "bcc": ((1, 1, 0), (1, 0, 0)), "diamond": ()}


def check(subject: Subject) -> Check:
    """Energies of a vacancy and of flat surfaces, positions relaxed."""
    result = Check(
        "defects",
        "Vacancy and surfaces",
        "A vacancy with a complex region around it should cost what it costs with the complex expert everywhere. The "
        "bulk expert's own numbers tell how far from perfect a place may be that is left to it.",
    )
    if subject.config.validation is None:
        result.skipped = NO_CRYSTAL
        return result
    side = 2 if subject.quick else 3
    numbers: dict[str, tuple[float, ...]] = {}
    for name in subject.models:
        calculator = subject.calculator(name)
        crystal = subject.crystal(subject.fit(name).lattice_parameter)
        vacancy = vacancy_energy(crystal.repeat(side), calculator, calculator)
        faces = [surface_energy(crystal, f, calculator) for f in FACES[subject.config.validation.lattice]]
        numbers[name] = (round(vacancy, 4), *(round(f, 4) for f in faces))
    perfect = subject.crystal(subject.fit("complex").lattice_parameter).repeat(side)
    near = perfect.get_distances(0, np.arange(len(perfect)), mic=True) <= subject.config.regions.outer
    mixed = vacancy_energy(perfect, subject.mixed(near), subject.mixed(near[1:]))
    complex, bulk = numbers["complex"], numbers["bulk"]
    rows: list[Row] = [(name, *values) for name, values in numbers.items()]
    rows.append(("MoE, region around the vacancy", round(mixed, 4), *(None for _ in complex[1:])))
    result.quantities = [
        Quantity(
            "vacancy, MoE / complex - 1",
            100 * (mixed / complex[0] - 1),
            "%",
            TOLERANCE,
            judged=not subject.quick,
            remedy=REMEDY,
        ),
        Quantity("vacancy, bulk / complex - 1", 100 * (bulk[0] / complex[0] - 1), "%"),
    ]
    names = ["".join(map(str, f)) for f in FACES[subject.config.validation.lattice]]
    for k, face in enumerate(names):
        ratio = bulk[1 + k] / complex[1 + k]
        result.quantities.append(Quantity(f"surface ({face}), bulk / complex - 1", 100 * (ratio - 1), "%"))
    columns = ("model", "vacancy, eV", *(f"({face}), J/m²" for face in names))
    result.tables.append(Table(f"Relaxed vacancy in {len(perfect)} sites; relaxed surfaces", columns, tuple(rows)))
    return result
