"""What is validated: a pair of experts, a crystal, a structure, and reference labels."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

from ase import Atoms
from ase.calculators.calculator import Calculator

from moe_ipi.assignment import assignment_by_rules
from moe_ipi.calculator import MoECalculator
from moe_ipi.config import Config
from moe_ipi.frames import frames_of
from moe_ipi.potential import MoEPotential
from moe_ipi.properties.crystal import Crystal, crystal_of
from moe_ipi.properties.equation_of_state import EquationOfStateFit, equation_of_state
from moe_ipi.properties.relaxed import relaxed_cell
from moe_ipi.regions.partitioner import Partitioner
from moe_ipi.typing import BoolArray


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

    @cached_property
    def crystal(self) -> Crystal:
        """The crystal that ``config.validation`` names."""
        wanted = self.config.validation
        assert wanted is not None, "checks of the crystal are skipped without [validation]"
        return crystal_of(wanted)

    def fit(self, name: str) -> EquationOfStateFit:
        """The equation of state of the crystal for one of :attr:`models`; fitted once, several checks need it.

        A crystal that is not cubic has the shape that the model gives it.
        """
        if name not in self._fits:
            calculator, unit = self.calculator(name), self.crystal.unit
            if self.crystal.centring is None:
                unit = relaxed_cell(unit, calculator)
            self._fits[name] = equation_of_state(unit, calculator)
        return self._fits[name]

    def perfect(self, name: str) -> Atoms:
        """The conventional cell of the crystal at its minimum for one of :attr:`models`."""
        atoms: Atoms = self.fit(name).crystal.copy()
        return atoms

    def assignment(self, atoms: Atoms) -> BoolArray:
        """(N,) bool: the assignment of the config's rules, True for atoms of the complex expert."""
        species = atoms.get_chemical_symbols()
        partitioner = Partitioner(self.config.regions, species)
        return assignment_by_rules(partitioner, self.potential.with_species(species), frames_of(atoms))

    @property
    def models(self) -> tuple[str, ...]:
        """What :meth:`calculator` knows: both experts and, if there is one, the reference."""
        return ("complex", "bulk") + (("reference",) if self.reference is not None else ())

    def calculator(self, name: str) -> Calculator:
        """One expert (``complex`` or ``bulk``) on every atom of whatever it is given, or the ``reference``."""
        if name == "reference":
            assert self.reference is not None
            return self.reference
        return MoECalculator(self.potential, hamiltonian="complex" if name == "complex" else "bulk")

    def mixed(self, assignment: BoolArray) -> MoECalculator:
        """A calculator with the given assignment (N,) of experts to atoms."""
        calculator = MoECalculator(self.potential)
        calculator.set_assignment(assignment)
        return calculator
