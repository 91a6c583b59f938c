"""The ASE calculator."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes, external_calculators, register_calculator_class
from ase.stress import full_3x3_to_voigt_6_stress
from numpy.typing import ArrayLike

from moe_ipi.assignment import assignment_by_rules
from moe_ipi.config import Config, RegionsConfig, load_config
from moe_ipi.errors import StructureError
from moe_ipi.frames import Frames, checked_assignment, frames_of
from moe_ipi.models import find_config
from moe_ipi.potential import MoEPotential
from moe_ipi.regions.partitioner import Partitioner
from moe_ipi.typing import BoolArray, Hamiltonian

#: By which ASE knows the calculator when this module was imported: ``get_calculator_class("moe_ipi")``.
NAME = "moe_ipi"


class MoECalculator(Calculator):
    """The two-expert potential as an ASE calculator.

    The assignment is computed by the rules from the first structure and then frozen, so that
    energies of successive structures belong to one Hamiltonian; :meth:`set_assignment` imposes another.
    A calculator serves one list of species; a structure with other species starts it afresh.

    Properties: energy and free_energy (eV, the same number), energies (N,) eV, forces (N, 3) eV/A,
    stress (6,) eV/A^3 in ASE's Voigt order and sign (for structures periodic in three dimensions).

    It can be copied and pickled, if its experts can: those from files are loaded again.

    Args:
        potential: both experts; its species may be others than those of the structures to come.
        partitioner: rules for the assignment; without it, one must be set, unless the Hamiltonian needs none.
        hamiltonian: which energy, see :class:`moe_ipi.potential.MoEPotential`; ``bulk`` and ``complex`` need no
            assignment.
        kwargs: of :class:`ase.calculators.calculator.Calculator`.
    """

    implemented_properties: ClassVar[list[str]] = [  # type: ignore[misc]  # ASE's own is no ClassVar
        "energy",
        "free_energy",
        "energies",
        "forces",
        "stress",
    ]

    def __init__(
        self,
        potential: MoEPotential,
        partitioner: Partitioner | None = None,
        *,
        hamiltonian: Hamiltonian = "moe",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)  # type: ignore[no-untyped-call]
        self._potential = potential
        self._partitioner = partitioner
        self._regions: RegionsConfig | None = partitioner.regions if partitioner is not None else None
        self._hamiltonian = hamiltonian
        self._assignment: BoolArray | None = None
        self._imposed = False

    @classmethod
    def from_config(
        cls,
        config: str | Path | Config,
        device: str | None = None,
        compile: bool | None = None,
        *,
        hamiltonian: Hamiltonian = "moe",
        **kwargs: Any,
    ) -> MoECalculator:
        """A calculator from a ``moe.toml``.

        Args:
            config: path of the file, the name of a shipped pair, or a loaded configuration.
            device: ``cpu``, ``cuda`` or ``cuda:N``; overrides ``compute.device``.
            compile: compile the models with AOTInductor; overrides ``compute.compile``.
            hamiltonian, kwargs: see the class.

        Raises:
            ConfigError: the config cannot be used.
            ModelError: a model cannot serve as an expert.
        """
        loaded = config if isinstance(config, Config) else load_config(find_config(config))
        potential = MoEPotential.from_config(loaded, (), device=device, compile=compile)
        calculator = cls(potential, hamiltonian=hamiltonian, **kwargs)
        # The rules are checked against the first structure's atoms.
        calculator._regions = loaded.regions
        return calculator

    @property
    def assignment(self) -> BoolArray | None:
        """(N,) bool, True for atoms of the complex expert; None before the first calculation."""
        return None if self._assignment is None else self._assignment.copy()

    @property
    def potential(self) -> MoEPotential:
        """The potential in use, for the species of the last structure."""
        return self._potential

    def set_assignment(self, mask: ArrayLike | None) -> None:
        """Impose an assignment, or return to the rules with ``None``.

        Args:
            mask: (N,) bool, True for atoms of the complex expert.

        Raises:
            StructureError: ``mask`` is not a list of booleans (indices are not masks).
        """
        self._assignment = None if mask is None else checked_assignment(mask).copy()
        self._imposed = mask is not None
        self.reset()  # type: ignore[no-untyped-call]

    def calculate(
        self,
        atoms: Atoms | None = None,
        properties: Sequence[str] = ("energy",),
        system_changes: Sequence[str] = all_changes,
    ) -> None:
        """Compute all properties of ``atoms``; called by ASE."""
        super().calculate(atoms, properties, system_changes)  # type: ignore[no-untyped-call]
        structure = self.atoms
        assert isinstance(structure, Atoms)
        frames = frames_of(structure)
        self._take_species(tuple(structure.get_chemical_symbols()))
        if self._assignment is None and self._hamiltonian in ("moe", "correction"):
            self._assignment = self._by_rules(frames)
        out = self._potential.evaluate_frames(frames, self._assignment, self._hamiltonian)
        self.results = {
            "energy": float(out.energies[0]),
            "free_energy": float(out.energies[0]),
            "energies": out.atom_energies[0],
            "forces": out.forces[0],
        }
        if all(frames.pbc):
            self.results["stress"] = full_3x3_to_voigt_6_stress(-out.virials[0] / structure.get_volume())

    def _take_species(self, species: tuple[str, ...]) -> None:
        if species == self._potential.species:
            return
        self._potential = self._potential.with_species(species)
        if not self._imposed:
            self._assignment = None

    def _by_rules(self, frames: Frames) -> BoolArray:
        species = self._potential.species
        if self._partitioner is None or self._partitioner.species != species:
            if self._regions is None:
                raise StructureError(
                    f"the energy '{self._hamiltonian}' needs an assignment: give the calculator a partitioner, or call "
                    "set_assignment"
                )
            self._partitioner = Partitioner(self._regions, species)
        return assignment_by_rules(self._partitioner, self._potential, frames)


# ASE's own list of calculators by name; that of its entry points is for file formats and viewers only (ASE 3.29).
if NAME not in external_calculators:
    register_calculator_class(NAME, MoECalculator)
