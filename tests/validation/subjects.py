"""Things to validate: the analytic pair, with equal or different experts."""

import dataclasses

import numpy as np
from ase import Atoms
from ase.build import add_adsorbate, fcc111
from ase.calculators.emt import EMT
from ase.calculators.singlepoint import SinglePointCalculator

from moe_ipi.config import Config
from moe_ipi.validation.subject import Subject

#: fcc lattice parameter near which the analytic crystal has its minimum, A.
A0 = 3.9


def config(complex="complex", bulk="bulk", **validation) -> Config:
    return Config.model_validate(
        {
            "experts": {
                "complex": {"type": "pair", "parameters": complex},
                "bulk": {"type": "pair", "parameters": bulk},
            },
            "regions": {"radius": 3.0, "rules": [{"type": "species", "species": ["C", "O"]}]},
            "validation": {"element": "Pt", "lattice_parameter": A0} | validation,
        }
    )


def slab() -> Atoms:
    atoms = fcc111("Pt", (2, 2, 4), a=A0, vacuum=6.0)
    add_adsorbate(atoms, Atoms("CO", positions=[[0, 0, 0], [0, 0, 1.15]]), 1.85, "ontop")
    atoms.pbc = True
    return atoms


def labelled(atoms: Atoms, seed: int) -> Atoms:
    """Rattled, with EMT's energy and forces as labels."""
    atoms = atoms.copy()
    atoms.positions += np.random.default_rng(seed).normal(0, 0.05, atoms.positions.shape)
    work = atoms.copy()
    work.calc = EMT()
    atoms.calc = SinglePointCalculator(atoms, energy=work.get_potential_energy(), forces=work.get_forces())
    return atoms


def subject(complex="complex", bulk="bulk", **changes) -> Subject:
    found = Subject(config(complex, bulk), slab(), [], quick=True)
    return dataclasses.replace(found, **changes)


def numbers(check) -> dict[str, float]:
    return {quantity.name: quantity.value for quantity in check.quantities}
