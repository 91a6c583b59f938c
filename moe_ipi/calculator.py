"""The ASE calculator."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes
from ase.stress import full_3x3_to_voigt_6_stress
from numpy.typing import ArrayLike, NDArray

from moe_ipi.config import Config, load_config
from moe_ipi.errors import StructureError
from moe_ipi.potential import MoEPotential
from moe_ipi.regions.partitioner import Partitioner


class MoECalculator(Calculator):
    """The two-expert potential as an ASE calculator.

    The assignment is computed by the config's rules from the first structure and then frozen, so that
    energies of successive structures belong to one Hamiltonian; :meth:`set_assignment` imposes another.
    A calculator serves one list of species; a structure with other species starts it afresh.

    Properties: energy and free_energy (eV, the same number), energies (N,) eV, forces (N, 3) eV/A,
    stress (6,) eV/A^3 in ASE's Voigt order and sign (for structures periodic in three dimensions).
    """

    implemented_properties: ClassVar[list[str]] = ["energy", "free_energy", "energies", "forces", "stress"]

    def __init__(self, config: Config, *, device: str | None = None, compile: bool | None = None, **kwargs: Any):
        super().__init__(**kwargs)
        self._config = config
        self._device = device
        self._compile = compile
        self._potential: MoEPotential | None = None
        self._assignment: NDArray[np.bool_] | None = None
        self._imposed = False

    @classmethod
    def from_config(
        cls, config: str | Path | Config, device: str | None = None, compile: bool | None = None, **kwargs: Any
    ) -> MoECalculator:
        """A calculator from a ``moe.toml``.

        Args:
            config: path of the file, or a loaded configuration.
            device: ``cpu``, ``cuda`` or ``cuda:N``; default: the config's.
            compile: compile the experts with AOTInductor (cached); default: the config's.

        Raises:
            ConfigError: the config cannot be used.
        """
        loaded = config if isinstance(config, Config) else load_config(config)
        return cls(loaded, device=device, compile=compile, **kwargs)

    @property
    def assignment(self) -> NDArray[np.bool_] | None:
        """(N,) bool, True for atoms of the complex expert; None before the first calculation."""
        return None if self._assignment is None else self._assignment.copy()

    @property
    def potential(self) -> MoEPotential | None:
        """The potential in use; None before the first calculation."""
        return self._potential

    def set_assignment(self, mask: ArrayLike | None) -> None:
        """Impose an assignment, or return to the rules with ``None``.

        Args:
            mask: (N,) bool, True for atoms of the complex expert.

        Raises:
            StructureError: ``mask`` is not a list of booleans (indices are not masks).
        """
        if mask is not None:
            mask = np.asarray(mask)
            if mask.ndim != 1 or mask.dtype != np.bool_:
                raise StructureError(
                    f"an assignment is one boolean per atom (got {mask.dtype} of shape {mask.shape}); "
                    "for a list of indices use: mask = numpy.zeros(len(atoms), bool); mask[indices] = True"
                )
            mask = mask.copy()
        self._assignment = mask
        self._imposed = mask is not None
        self.reset()

    def calculate(
        self,
        atoms: Atoms | None = None,
        properties: Sequence[str] = ("energy",),
        system_changes: Sequence[str] = all_changes,
    ) -> None:
        """Compute all properties of ``atoms``; called by ASE."""
        super().calculate(atoms, properties, system_changes)
        species = tuple(self.atoms.get_chemical_symbols())
        if self._potential is None:
            self._potential = MoEPotential.from_config(
                self._config, species, device=self._device, compile=self._compile
            )
        elif self._potential.species != species:
            self._potential = self._potential.with_species(species)
            if not self._imposed:
                self._assignment = None
        positions, cell, pbc = self.atoms.positions[None], self.atoms.cell.array[None], self.atoms.pbc
        if self._assignment is None:
            regions = self._config.regions
            disagreement = self._potential.disagreement(positions, cell, pbc) if regions.needs_disagreement else None
            self._assignment = Partitioner(regions, species).assign(positions, cell, pbc, disagreement=disagreement)
        out = self._potential.evaluate(positions, cell, self._assignment, pbc)
        self.results = {
            "energy": float(out.energies[0]),
            "free_energy": float(out.energies[0]),
            "energies": out.atom_energies[0],
            "forces": out.forces[0],
        }
        if pbc.all():
            self.results["stress"] = full_3x3_to_voigt_6_stress(-out.virials[0] / self.atoms.get_volume())
