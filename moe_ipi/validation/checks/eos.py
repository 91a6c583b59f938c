"""Equation of state: lattice parameter, bulk modulus, and energies of strained crystals."""

from __future__ import annotations

import numpy as np

from moe_ipi.config import ModelExpert
from moe_ipi.properties.equation_of_state import EquationOfStateFit
from moe_ipi.properties.strains import random_strains, strained
from moe_ipi.validation.result import Cell, Check, Curve, Plot, Quantity, Table
from moe_ipi.validation.subject import Subject

#: Largest differences between the experts: A, %, meV/atom.
LATTICE, MODULUS, ENERGY = 0.003, 1.0, 1.0
#: What brings two experts closer on the crystal.
TOGETHER = (
    "Train the pair for longer (moe-ipi distill: --steps), or with larger coefficients of {terms} "
    "(training/README.md). Until then simulate in a fixed cell."
)
#: Largest strain of the energies compared.
STRAIN = 0.03


def check(subject: Subject) -> Check:
    """Do both experts see the same crystal?"""
    result = Check(
        "eos",
        "Equation of state",
        "A crystal whose halves have different lattice parameters or stiffness is under stress. Birch-Murnaghan fits "
        "to isotropically strained crystals, and energies per atom under any strain up to 3 %.",
    )
    if subject.config.validation is None:
        result.skipped = NO_CRYSTAL
        return result
    fits = {name: subject.fit(name) for name in subject.models}
    complex, bulk = fits["complex"], fits["bulk"]
    largest = 1000 * float(np.abs(energy_differences(subject)).max())
    cubic = subject.crystal.centring is not None
    lengths = bulk.crystal.cell.lengths() - complex.crystal.cell.lengths()
    result.quantities = [
        Quantity(
            "lattice parameter, bulk - complex" if cubic else "lattice parameter that differs most, bulk - complex",
            float(lengths[np.abs(lengths).argmax()]),
            "Å",
            LATTICE,
            remedy=TOGETHER.format(terms="agreement_stress and crystal_stress"),
        ),
        Quantity(
            "bulk modulus, bulk / complex - 1",
            100 * (bulk.bulk_modulus / complex.bulk_modulus - 1),
            "%",
            MODULUS,
            remedy=TOGETHER.format(terms="agreement_stress and crystal_stress"),
        ),
        Quantity(
            f"energy per atom at strains up to {100 * STRAIN:.0f} %, largest difference",
            largest,
            "meV",
            ENERGY,
            judged=not subject.quick or largest > ENERGY,  # more strains can only make it larger
            remedy=TOGETHER.format(terms="agreement_energy and crystal_energy"),
        ),
    ]
    result.quantities.append(_reference(subject, fits))
    result.tables.append(
        Table(
            "Crystal",
            ("model", "lattice parameter, Å", "bulk modulus, GPa", "energy, eV/atom"),
            tuple(
                (name, _lengths(f, cubic), round(f.bulk_modulus, 1), round(float(f.energies.min()), 4))
                for name, f in fits.items()
            ),
        )
    )
    result.plots.append(
        Plot(
            "Energy of the crystal against its minimum",
            "lattice parameter, Å" if cubic else "length of the first lattice vector, Å",
            "energy, meV/atom",
            tuple(
                Curve(n, tuple(f.parameters), tuple(1000 * (f.energies - f.energies.min())), "both")
                for n, f in fits.items()
            ),
        )
    )
    return result


def _reference(subject: Subject, fits: dict[str, EquationOfStateFit]) -> Quantity:
    """By how much an atom of the crystal changes its energy with its expert; and the offset that ends it."""
    elements, bulk = subject.crystal.elements, subject.config.experts.bulk
    difference = float(fits["bulk"].energies.min() - fits["complex"].energies.min())
    if len(elements) == 1:
        before = bulk.offsets.get(elements[0], 0.0) if isinstance(bulk, ModelExpert) else 0.0
        note = f"with experts.bulk.offsets = {{ {elements[0]} = {before - difference:.6f} }} (eV) it would be 0"
    else:
        note = f"the mean of {', '.join(elements)}: it does not say which offset each of them needs"
    return Quantity("reference energy of the crystal's atoms, bulk - complex", 1000 * difference, "meV", note=note)


def _lengths(fit: EquationOfStateFit, cubic: bool) -> Cell:
    if cubic:
        return round(fit.lattice_parameter, 4)
    return " × ".join(f"{length:.4f}" for length in fit.crystal.cell.lengths())


#: Why checks of the crystal are skipped.
NO_CRYSTAL = (
    "the config has no [validation] table that names the bulk crystal; add element, lattice and lattice_parameter, or "
    "crystal, a structure file"
)
#: Why some checks of a crystal that is there are skipped.
NOT_CUBIC = "the crystal is not cubic: its constants and points have other names, which are not judged here"


def energy_differences(subject: Subject) -> np.ndarray:
    """(strains,) eV/atom, bulk - complex, in the complex expert's crystal.

    Nothing is shifted but by ``offsets`` of the config, and positions are strained with the cell.
    """
    crystal = subject.perfect("complex")
    values = []
    for strain in random_strains(subject.seed, STRAIN, 10 if subject.quick else 60):
        energies = []
        for name in ("complex", "bulk"):
            atoms = strained(crystal, strain)
            atoms.calc = subject.calculator(name)
            energies.append(atoms.get_potential_energy() / len(atoms))
        values.append(energies[1] - energies[0])
    return np.array(values)
