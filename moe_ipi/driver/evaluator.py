"""What the socket driver and i-PI's own PES interface share: structures in atomic units to forces."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from moe_ipi.config import Config
from moe_ipi.driver.client import Log, log_to_stderr
from moe_ipi.driver.protocol import FloatArray, Result
from moe_ipi.errors import StructureError
from moe_ipi.units import BOHR, HARTREE, HARTREE_PER_BOHR

if TYPE_CHECKING:
    from moe_ipi.potential import Evaluation, MoEPotential
    from moe_ipi.regions.partitioner import Partitioner


class Evaluator:
    """A two-expert potential for one system, in i-PI's units and conventions.

    The assignment of the atoms to the experts is computed once and then frozen.  It comes from the template, which is
    i-PI's initial structure, and not from the first structure that arrives: several drivers, drivers that are started
    anew and continued runs all see different first structures, and each would otherwise have its own Hamiltonian.
    Only a template without a cell leaves it to the first structure (the union over the frames of the first batch).

    A template with a cell also decides which directions are periodic, as i-PI sends a cell but no such flags; with a
    template without a cell these are the directions in which the structures that arrive have a cell vector.

    Args:
        potential: computes energies and forces.
        partitioner: computes the assignment.
        template: species in i-PI's order of atoms; positions and cell as described.
        extras: what to add to ``moe_n_complex`` in the extras of every structure, see :class:`DriverConfig`.
        assignment_from: ``"template"`` or ``"first"``: where the assignment comes from.
        log: receives the line about the assignment.
    """

    def __init__(
        self,
        potential: MoEPotential,
        partitioner: Partitioner,
        template: Atoms,
        *,
        extras: Sequence[str] = (),
        assignment_from: Literal["template", "first"] = "template",
        log: Log = log_to_stderr,
    ) -> None:
        self._potential = potential
        self._partitioner = partitioner
        self._template = template
        self._extras = frozenset(extras)
        self._log = log
        self._has_cell = template.cell.rank > 0
        self._assignment: NDArray[np.bool_] | None = None
        if assignment_from == "template" and self._has_cell:
            self._assign(template.positions[None], template.cell.array[None], "from the template")

    @classmethod
    def from_config(
        cls,
        config: Config,
        template: Atoms | str | Path,
        *,
        device: str | None = None,
        compile: bool | None = None,
        assignment_from: Literal["template", "first"] = "template",
        log: Log = log_to_stderr,
    ) -> Evaluator:
        """Load the experts of a configuration.

        Args:
            config: the content of a ``moe.toml``.
            template: the structure i-PI starts from, or its file.
            device: overrides ``compute.device``.
            compile: overrides ``compute.compile``.
            assignment_from: see the class.
            log: see the class.

        Raises:
            ConfigError: the regions do not fit the template.
            ModelError: a model cannot serve as an expert.
            StructureError: the template cannot be read.
        """
        from moe_ipi.potential import MoEPotential
        from moe_ipi.regions.partitioner import Partitioner
        from moe_ipi.structure import read_template

        atoms = template if isinstance(template, Atoms) else read_template(template)
        species = tuple(atoms.get_chemical_symbols())
        partitioner = Partitioner(config.regions, species)
        potential = MoEPotential.from_config(config, species, device=device, compile=compile)
        extras = config.driver.extras
        return cls(potential, partitioner, atoms, extras=extras, assignment_from=assignment_from, log=log)

    @property
    def assignment(self) -> NDArray[np.bool_] | None:
        """(N,) bool, True = complex; ``None`` until a structure has decided it."""
        return None if self._assignment is None else self._assignment.copy()

    def warm_up(self) -> None:
        """Evaluate the template, so that the first structure of the server does not wait for code to be compiled."""
        atoms = self._template
        assignment = self._assignment
        if assignment is None:
            # Which atoms will be complex is not known yet: use both experts.
            assignment = np.arange(len(atoms)) % 2 == 0
        pbc = tuple(atoms.pbc) if self._has_cell else (False,) * 3
        self._potential.evaluate(atoms.positions[None], atoms.cell.array[None], assignment, pbc)

    def evaluate(self, cells: FloatArray, positions: FloatArray) -> list[Result]:
        """Energies, forces and virials of structures as i-PI sends them.

        Args:
            cells: (B, 3, 3), bohr, columns are lattice vectors.
            positions: (B, N, 3), bohr; need not be wrapped into the cell.

        Returns:
            One result per structure: hartree, hartree/bohr, virial -dE/d(strain) in hartree, and a JSON object with
            ``moe_n_complex`` (int) and, as configured, ``moe_assignment`` ((N,) 0 or 1) and ``moe_atom_energies``
            ((N,) eV).

        Raises:
            StructureError: the number of atoms is not the template's, or numbers are not finite.
        """
        self._check(cells, positions)
        positions = positions * BOHR
        cells = np.swapaxes(cells, -1, -2) * BOHR
        if self._assignment is None:
            self._assign(positions, cells, "from the first structure (use one driver, or a template with a cell)")
        evaluation = self._potential.evaluate(positions, cells, self._assignment, self._pbc(cells))
        return [self._result(evaluation, k) for k in range(len(positions))]

    def _assign(self, positions: FloatArray, cells: FloatArray, source: str) -> None:
        self._assignment = self._partitioner.assign(positions, cells, self._pbc(cells))
        number = int(self._assignment.sum())
        self._log(f"assignment: {number} complex, {len(self._assignment) - number} bulk atoms, {source}, frozen")

    def _pbc(self, cells: FloatArray) -> tuple[bool, bool, bool]:
        if self._has_cell:
            return tuple(bool(flag) for flag in self._template.pbc)
        return tuple(bool(flag) for flag in np.any(cells[0] != 0.0, axis=1))

    def _check(self, cells: FloatArray, positions: FloatArray) -> None:
        natoms = len(self._template)
        if positions.shape != (len(cells), natoms, 3) or cells.shape != (len(cells), 3, 3):
            raise StructureError(
                f"the server sent {positions.shape[1]} atoms but the template has {natoms}: "
                "give the structure i-PI starts from as the template"
            )
        for name, array in (("positions", positions), ("a cell", cells)):
            if not np.isfinite(array).all():
                raise StructureError(
                    f"the server sent {name} with values that are not finite numbers: the run has become unstable, "
                    "look at its last steps and try a smaller time step"
                )

    def _result(self, evaluation: Evaluation, k: int) -> Result:
        extras: dict[str, object] = {"moe_n_complex": int(self._assignment.sum())}
        if "assignment" in self._extras:
            extras["moe_assignment"] = self._assignment.astype(int).tolist()
        if "atom_energies" in self._extras:
            extras["moe_atom_energies"] = evaluation.atom_energies[k].tolist()
        return Result(
            potential=float(evaluation.energies[k]) / HARTREE,
            forces=evaluation.forces[k] / HARTREE_PER_BOHR,
            virial=evaluation.virials[k] / HARTREE,
            extras=json.dumps(extras),
        )
