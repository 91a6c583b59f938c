"""What is validated: a pair of experts, a crystal, a structure, and reference labels."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from ase import Atoms
from ase.build import bulk
from ase.calculators.calculator import Calculator

from moe_ipi.calculator import MoECalculator
from moe_ipi.config import Config
from moe_ipi.potential import MoEPotential
from moe_ipi.regions.partitioner import Partitioner
from moe_ipi.validation.strains import EquationOfStateFit, equation_of_state


@dataclass
class Subject:
    """What every check gets.

    Attributes:
        config: the pair and its regions; ``config.validation`` names crystal and labels.
        structure: N atoms like those that will be simulated (adsorbate included), periodic in 3D.
        labels: frames with reference energies (eV) and forces (eV/A), held out from training; may be empty.
        reference: calculator of the model that made the labels, if it is installed.
        seed: of everything random.
        quick: use smaller cells and shorter runs (for tests and a first look).
    """

    config: Config
    structure: Atoms
    labels: list[Atoms]
    reference: Calculator | None = None
    seed: int = 1
    quick: bool = False
    _fits: dict[str, EquationOfStateFit] = field(default_factory=dict, init=False, repr=False)

    @cached_property
    def potential(self) -> MoEPotential:
        """The pair for ``structure``; ``with_species`` gives it for other atoms (experts are loaded once)."""
        return MoEPotential.from_config(self.config, self.structure.get_chemical_symbols())

    def crystal(self, a: float | None = None, *, cubic: bool = True) -> Atoms:
        """The reference crystal: ``config.validation``'s element and lattice with lattice parameter ``a`` (A)."""
        wanted = self.config.validation
        return bulk(wanted.element, wanted.lattice, a=a or wanted.lattice_parameter, cubic=cubic)

    def fit(self, name: str) -> EquationOfStateFit:
        """The equation of state of the crystal for one of :attr:`models`; fitted once, several checks need it."""
        if name not in self._fits:
            self._fits[name] = equation_of_state(self.crystal(), self.calculator(name))
        return self._fits[name]

    def assignment(self, atoms: Atoms) -> np.ndarray:
        """(N,) bool: the assignment of the config's rules, True for atoms of the complex expert."""
        species, regions = atoms.get_chemical_symbols(), self.config.regions
        place = (atoms.positions[None], atoms.cell.array[None], atoms.pbc)
        disagreement = self.potential.with_species(species).disagreement(*place) if regions.needs_disagreement else None
        return Partitioner(regions, species).assign(*place, disagreement=disagreement)

    @property
    def models(self) -> tuple[str, ...]:
        """What :meth:`calculator` knows: both experts and, if there is one, the reference."""
        return ("complex", "bulk") + (("reference",) if self.reference is not None else ())

    def calculator(self, name: str) -> Calculator:
        """One expert (``complex`` or ``bulk``) on every atom of whatever it is given, or the ``reference``."""
        if name == "reference":
            return self.reference
        return _OneExpert(self, name == "complex")

    def pair(self, assignment: np.ndarray) -> MoECalculator:
        """A calculator with the given assignment (N,) of experts to atoms."""
        calculator = MoECalculator(self.config)
        calculator._potential = self.potential
        calculator.set_assignment(assignment)
        return calculator


class _OneExpert(MoECalculator):
    def __init__(self, subject: Subject, is_complex: bool) -> None:
        super().__init__(subject.config)
        self._potential = subject.potential
        self._is_complex = is_complex

    def calculate(self, atoms=None, properties=("energy",), system_changes=()) -> None:
        self.set_assignment(np.full(len(atoms), self._is_complex))
        super().calculate(atoms, properties, system_changes)
