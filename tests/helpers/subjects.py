"""Things to validate: the analytic pair, with equal or different experts."""

import dataclasses

from ase import Atoms
from ase.calculators.emt import EMT
from ase.calculators.singlepoint import SinglePointCalculator

from moe_ipi.config import Config
from moe_ipi.validation.subject import Subject
from tests.helpers.structures import co_on_pt, displaced

#: fcc lattice parameter near which the analytic crystal has its minimum, A.
A0 = 3.9


def config(complex="complex", bulk="bulk", **validation) -> Config:
    return Config.model_validate(
        {
            "experts": {
                "complex": {"type": "finnis-sinclair", "parameters": complex},
                "bulk": {"type": "finnis-sinclair", "parameters": bulk},
            },
            "regions": {"radius": 3.0, "rules": [{"type": "species", "species": ["C", "O"]}]},
            "validation": {"element": "Pt", "lattice_parameter": A0} | validation,
        }
    )


def slab() -> Atoms:
    """CO on Pt(111) at the crystal's lattice parameter."""
    return co_on_pt((2, 2, 4), a=A0, vacuum=6.0, rattle=0.0)


def labelled(atoms: Atoms, seed: int) -> Atoms:
    """Rattled, with EMT's energy and forces as labels."""
    atoms = displaced(atoms, seed)
    work = atoms.copy()
    work.calc = EMT()
    atoms.calc = SinglePointCalculator(atoms, energy=work.get_potential_energy(), forces=work.get_forces())
    return atoms


def subject(complex="complex", bulk="bulk", **changes) -> Subject:
    found = Subject(config(complex, bulk), slab(), [], quick=True)
    return dataclasses.replace(found, **changes)


def within(check) -> list[bool]:
    """Which of the numbers that have a tolerance are within it, whether they are judged or not."""
    return [quantity.within for quantity in check.quantities if quantity.within is not None]


def numbers(check) -> dict[str, float]:
    return {quantity.name: quantity.value for quantity in check.quantities}
