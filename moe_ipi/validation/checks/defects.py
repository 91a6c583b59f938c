"""Vacancy and surface energies."""

from __future__ import annotations

import numpy as np
from ase import Atoms

from moe_ipi.properties.crystal import repeated
from moe_ipi.properties.defects import removal_energy, surface_energy
from moe_ipi.validation.checks.eos import NO_CRYSTAL
from moe_ipi.validation.result import Check, Quantity, Row, Table
from moe_ipi.validation.subject import Subject

#: Largest difference of the vacancy's energy, region around it, from the complex expert's: %, and eV where no element
#: of the crystal has an energy of its own.
TOLERANCE, REMOVAL = 5.0, 0.05
REMEDY = (
    "Enlarge the radii of [regions], so that the region holds all atoms that the vacancy disturbs, or train the bulk "
    "expert on crystals with vacancies, too."
)
#: Surfaces of each lattice.
FACES = {"fcc": ((1, 1, 1), (1, 0, 0)), "bcc": ((1, 1, 0), (1, 0, 0)), "diamond": ()}
_NO_FACES = " Surfaces are not judged: those of a crystal from a file have several terminations."


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
    if subject.crystal.lattice is None:
        result.explanation += _NO_FACES
    if len(subject.crystal.elements) == 1:
        _of_one_element(result, subject)
    else:
        _of_several(result, subject)
    return result


def _of_one_element(result: Check, subject: Subject) -> None:
    """The energy of a vacancy counts from the atom in the crystal: E(N-1) - (N-1)/N E(N)."""
    faces = FACES[subject.crystal.lattice] if subject.crystal.lattice else ()
    numbers: dict[str, tuple[float, ...]] = {}
    for name in subject.models:
        calculator, crystal = subject.calculator(name), subject.perfect(name)
        perfect = _supercell(subject, name)
        removal, energy = removal_energy(perfect, 0, calculator, calculator)
        surfaces = (round(surface_energy(crystal, face, calculator), 4) for face in faces)
        numbers[name] = (round(removal + energy / len(perfect), 4), *surfaces)
    perfect = _supercell(subject, "complex")
    removal, energy = _mixed(subject, perfect, 0)
    mixed = removal + energy / len(perfect)
    complex, bulk = numbers["complex"], numbers["bulk"]
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
    names = ["".join(map(str, face)) for face in faces]
    for k, face in enumerate(names):
        ratio = bulk[1 + k] / complex[1 + k]
        result.quantities.append(Quantity(f"surface ({face}), bulk / complex - 1", 100 * (ratio - 1), "%"))
    rows: list[Row] = [(name, *values) for name, values in numbers.items()]
    rows.append(("MoE, region around the vacancy", round(mixed, 4), *(None for _ in names)))
    columns = ("model", "vacancy, eV", *(f"({face}), J/m²" for face in names))
    result.tables.append(Table(f"Relaxed vacancy in {len(perfect)} sites; relaxed surfaces", columns, tuple(rows)))


def _of_several(result: Check, subject: Subject) -> None:
    """A vacancy of each element: E(N-1) - E(N), to which a chemical potential would add the same for every model."""
    elements = subject.crystal.elements
    numbers: dict[str, list[float]] = {}
    for name in (*subject.models, "MoE, region around the vacancy"):
        perfect = _supercell(subject, name if name in subject.models else "complex")
        sites = [perfect.get_chemical_symbols().index(element) for element in elements]
        if name in subject.models:
            calculator = subject.calculator(name)
            numbers[name] = [removal_energy(perfect, site, calculator, calculator)[0] for site in sites]
        else:
            numbers[name] = [_mixed(subject, perfect, site)[0] for site in sites]
    mixed = numbers["MoE, region around the vacancy"]
    for k, element in enumerate(elements):
        result.quantities += [
            Quantity(
                f"vacancy of {element}, MoE - complex",
                mixed[k] - numbers["complex"][k],
                "eV",
                REMOVAL,
                judged=not subject.quick,
                remedy=REMEDY,
            ),
            Quantity(
                f"vacancy of {element}, bulk - complex",
                numbers["bulk"][k] - numbers["complex"][k],
                "eV",
                note=f"with the difference of the experts' reference energies of {element}",
            ),
        ]
    rows: list[Row] = [(name, *(round(value, 4) for value in values)) for name, values in numbers.items()]
    columns = ("model", *(f"of {element}, eV" for element in elements))
    title = f"Energy that a relaxed vacancy takes from {len(perfect)} sites: no chemical potential is counted"
    result.tables.append(Table(title, columns, tuple(rows)))


def _supercell(subject: Subject, name: str) -> Atoms:
    return repeated(subject.perfect(name), 7.0 if subject.quick else 10.5)


def _mixed(subject: Subject, perfect: Atoms, site: int) -> tuple[float, float]:
    """As :func:`removal_energy`, of both experts with a region around the site."""
    near = perfect.get_distances(site, np.arange(len(perfect)), mic=True) <= subject.config.regions.outer
    return removal_energy(perfect, site, subject.mixed(near), subject.mixed(np.delete(near, site)))
