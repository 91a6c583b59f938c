"""Vacancy and surface energies."""

from __future__ import annotations

import numpy as np
from ase import Atoms, units
from ase.build import surface
from ase.calculators.calculator import Calculator
from ase.optimize import BFGS

from moe_ipi.validation.crystal import NO_CRYSTAL
from moe_ipi.validation.result import Check, Quantity, Table
from moe_ipi.validation.subject import Subject

#: Largest difference of the vacancy's energy, region around it, from the complex expert's, %.
TOLERANCE = 5.0
#: Surfaces of each lattice.
FACES = {"fcc": ((1, 1, 1), (1, 0, 0)), "bcc": ((1, 1, 0), (1, 0, 0)), "diamond": ()}
#: eV/A^2 in J/m^2.
JOULE = units.m**2 / units.J


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
    rows = []
    for name in subject.models:
        calculator = subject.calculator(name)
        crystal = subject.crystal(subject.fit(name).lattice_parameter)
        vacancy = vacancy_energy(crystal.repeat(side), calculator, calculator)
        faces = [surface_energy(crystal, f, calculator) for f in FACES[subject.config.validation.lattice]]
        rows.append((name, round(vacancy, 4), *(round(f, 4) for f in faces)))
    perfect = subject.crystal(subject.fit("complex").lattice_parameter).repeat(side)
    near = perfect.get_distances(0, np.arange(len(perfect)), mic=True) <= subject.config.regions.outer
    mixed = vacancy_energy(perfect, subject.pair(near), subject.pair(near[1:]))
    rows.append(("MoE, region around the vacancy", round(mixed, 4), *(None for _ in rows[0][2:])))
    result.quantities = [
        Quantity("vacancy, MoE / complex - 1", 100 * (mixed / rows[0][1] - 1), "%", TOLERANCE),
        Quantity("vacancy, bulk / complex - 1", 100 * (rows[1][1] / rows[0][1] - 1), "%"),
    ]
    names = ["".join(map(str, f)) for f in FACES[subject.config.validation.lattice]]
    for k, face in enumerate(names):
        ratio = rows[1][2 + k] / rows[0][2 + k]
        result.quantities.append(Quantity(f"surface ({face}), bulk / complex - 1", 100 * (ratio - 1), "%"))
    columns = ("model", "vacancy, eV", *(f"({face}), J/m^2" for face in names))
    result.tables.append(Table(f"Relaxed vacancy in {len(perfect)} sites; relaxed surfaces", columns, tuple(rows)))
    return result


def vacancy_energy(perfect: Atoms, whole: Calculator, rest: Calculator) -> float:
    """eV: E(N-1, relaxed) - (N-1)/N E(N), the cell fixed.

    Args:
        perfect: N atoms; the first is taken away.
        whole, rest: calculators of the perfect crystal and of the one with the vacancy.
    """
    atoms = perfect.copy()
    atoms.calc = whole
    energy = atoms.get_potential_energy()
    vacant = perfect[1:]
    vacant.calc = rest
    BFGS(vacant, logfile=None).run(fmax=0.01, steps=60)
    return vacant.get_potential_energy() - energy * len(vacant) / len(perfect)


def surface_energy(crystal: Atoms, face: tuple[int, int, int], calculator: Calculator, layers: int = 7) -> float:
    """J/m^2: (E(slab, relaxed) - N E(crystal)) / 2A."""
    bulk = crystal.copy()
    bulk.calc = calculator
    slab = surface(crystal, face, layers, vacuum=8.0, periodic=True)
    slab.calc = calculator
    BFGS(slab, logfile=None).run(fmax=0.01, steps=60)
    area = np.linalg.norm(np.cross(slab.cell[0], slab.cell[1]))
    excess = slab.get_potential_energy() - bulk.get_potential_energy() * len(slab) / len(bulk)
    return float(excess / (2 * area) * JOULE)
