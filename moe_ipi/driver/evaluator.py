"""What the socket driver and i-PI's own PES interface share: structures in atomic units to forces."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

import numpy as np
from ase import Atoms

from moe_ipi.assignment import assignment_by_rules
from moe_ipi.config import Config
from moe_ipi.driver.first_structure import compare_with_template
from moe_ipi.driver.log import Log, log_to_stderr
from moe_ipi.driver.protocol import Result
from moe_ipi.errors import StructureError
from moe_ipi.frames import Frames, checked_frames, frames_of
from moe_ipi.inband.identity import FULL_PRECISION, Identity, IdentityError, identity_of
from moe_ipi.inband.identity import decode as decode_identity
from moe_ipi.inband.request import Request, RequestError, read_request
from moe_ipi.inband.token import Token, decode
from moe_ipi.regions.warnings import assignment_warning
from moe_ipi.typing import BoolArray, FloatArray, Periodicity
from moe_ipi.units import BOHR, HARTREE, HARTREE_PER_BOHR

if TYPE_CHECKING:
    from moe_ipi.potential import Evaluation, Potential
    from moe_ipi.regions.partitioner import Partitioner


class Evaluator:
    """A two-expert potential for one system, in i-PI's units and conventions.

    Structures that come with a token (see :mod:`moe_ipi.inband.token`) are evaluated under its assignment, each
    under its own.  Otherwise the assignment of the atoms to the experts is computed once and then frozen.  It comes
    from the template, which is i-PI's initial structure, and not from the first structure that arrives: several
    drivers, drivers that are started anew and continued runs all see different first structures, and each would
    otherwise have its own Hamiltonian.  Only a template without a cell leaves it to the first structure (the union over
    the frames of the first batch).

    A template with a cell also decides which directions are periodic, as i-PI sends a cell but no such flags; with a
    template without a cell these are the directions in which the structures that arrive have a cell vector.

    Args:
        potential: computes energies and forces.
        partitioner: computes the assignment.
        template: species in i-PI's order of atoms; positions and cell as described.
        extras: what to add to ``moe_n_complex`` in the extras of every structure, see :class:`DriverConfig`.
        assignment_from: ``"template"`` or ``"first"``: where the assignment comes from.
        log: receives the line about the assignment.
        identity: what this driver computes with; structures of a run that computes with something else are refused.
    """

    def __init__(
        self,
        potential: Potential,
        partitioner: Partitioner,
        template: Atoms,
        *,
        extras: Sequence[str] = (),
        assignment_from: Literal["template", "first"] = "template",
        log: Log = log_to_stderr,
        identity: Identity | None = None,
    ) -> None:
        self._potential = potential
        self._partitioner = partitioner
        self._template = template
        self._extras = frozenset(extras)
        self._log = log
        self._identity = identity
        #: Whether the first structure was compared with the template.
        self._compared = False
        #: The last identity that came, as text: it fits.
        self._known_identity = ""
        self._has_cell = template.cell.rank > 0
        self._announced = False
        self._from_template = assignment_from == "template" and self._has_cell
        #: The assignment of structures without a token.
        self._frozen: BoolArray | None = None
        #: The last token as text, and what it says.
        self._token: tuple[str, Token] | None = None
        if self._from_template and not partitioner.regions.needs_disagreement:
            # At once: rules that do not fit should be heard of before i-PI waits.
            self._frozen = partitioner.assign_frames(frames_of(template))

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
        potential: Potential | None = None,
    ) -> Evaluator:
        """Load the experts of a configuration.

        Args:
            config: the content of a ``moe.toml``.
            template: the structure i-PI starts from, or its file.
            device, compile: override the config's ``[compute]`` keys.
            assignment_from, log: see the class.
            potential: of these experts and atoms; ``None``: one in this process.

        Raises:
            ConfigError: the regions do not fit the template.
            ModelError: a model cannot serve as an expert.
            StructureError: the template cannot be read.
        """
        from moe_ipi.potential import MoEPotential
        from moe_ipi.regions.partitioner import Partitioner
        from moe_ipi.structure import periodicity_note, read_template

        atoms = template if isinstance(template, Atoms) else read_template(template)
        note = periodicity_note(atoms)
        if note is not None:
            log(note)
        species = tuple(atoms.get_chemical_symbols())
        partitioner = Partitioner(config.regions, species)
        if potential is None:
            potential = MoEPotential.from_config(config, species, device=device, compile=compile)
        return cls(
            potential,
            partitioner,
            atoms,
            extras=config.driver.extras,
            assignment_from=assignment_from,
            log=log,
            identity=identity_of(config, species, _precision()),
        )

    @property
    def assignment(self) -> BoolArray | None:
        """(N,) bool, True = complex, of the last structure; ``None`` until something has decided it."""
        current = self._token[1].assignment if self._token is not None else self._frozen
        return None if current is None else current.copy()

    def warm_up(self) -> None:
        """Evaluate the template, so that the first structure of the server does not wait for code to be compiled."""
        atoms = self._template
        # Which atoms will be complex is not known: use both experts.
        assignment = np.arange(len(atoms)) % 2 == 0
        self._potential.evaluate_frames(frames_of(atoms), assignment)

    def forget(self) -> None:
        """Be as before the first structure: the next one is that of another run."""
        self._token = None
        self._known_identity = ""
        self._compared = False
        self._announced = False
        if not self._from_template:
            self._frozen = None

    def evaluate(
        self, positions: FloatArray, cells: FloatArray, parameters: Mapping[str, str] = MappingProxyType({})
    ) -> list[Result]:
        """Energies, forces and virials of structures as i-PI sends them.

        Args:
            positions: (B, N, 3), bohr; need not be wrapped into the cell.
            cells: (B, 3, 3), bohr, columns are lattice vectors.
            parameters: of the force field, as text, see :mod:`moe_ipi.inband.request`.

        Returns:
            One result per structure: hartree, hartree/bohr, virial -dE/d(strain) in hartree, and a JSON object with
            ``moe_n_complex`` (int) and, as configured, ``moe_assignment`` ((N,) 0 or 1) and ``moe_atom_energies``
            ((N,) eV); for a probe also ``moe_disagreement`` ((N,) eV), or ``moe_difference``:
            complex - bulk (eV) of each complex atom of the token, in their order.

        Raises:
            RequestError: a parameter is unknown, or the structure comes without a token after others with one.
            IdentityError: the run computes with other experts or atoms than this driver.
            TokenError: the token is damaged or for another number of atoms.
            StructureError: the number of atoms is not the template's, or numbers are not finite.
        """
        request = read_request(parameters)
        if request.identity is not None and request.identity != self._known_identity:
            self._check_identity(request.identity)
        frames = self._frames(positions, cells)
        if not self._compared:
            self._compare(frames, request)
        if request.probe == "difference":
            return self._difference(request, frames)
        assignment = self._assignment(request, frames)
        if request.probe is None:
            evaluation = self._potential.evaluate_frames(frames, assignment, request.hamiltonian)
            return [self._result(evaluation, assignment, k) for k in range(len(frames))]
        evaluation = self._potential.evaluate_frames(frames, hamiltonian="complex")
        bulk = self._potential.evaluate_frames(frames, hamiltonian="bulk")
        disagreement = np.abs(evaluation.atom_energies - bulk.atom_energies)
        return [
            self._result(evaluation, assignment, k, moe_disagreement=disagreement[k].tolist())
            for k in range(len(frames))
        ]

    def _difference(self, request: Request, frames: Frames) -> list[Result]:
        if request.token is None:
            raise RequestError("a probe of the difference needs a token that says of which atoms")
        # Not the assignment of the dynamics, which stays what it is.
        asked = decode(request.token, len(self._template)).assignment
        evaluation = self._potential.evaluate_frames(frames, asked, "correction")
        energies = evaluation.atom_energies
        return [
            self._result(evaluation, asked, k, moe_difference=energies[k, asked].tolist()) for k in range(len(frames))
        ]

    def _compare(self, frames: Frames, request: Request) -> None:
        # Rules matter here only if this driver makes the assignment, in the template's frame of reference.
        axes = self._partitioner.regions.oriented_axes if self._from_template and request.token is None else ""
        # An identity has the elements in their order.
        known = request.identity is not None
        note = compare_with_template(self._template, frames, oriented_rules=axes, known_order=known)
        if note is not None:
            self._log(note)
        self._compared = True

    def _check_identity(self, text: str) -> None:
        if self._identity is not None:
            different = decode_identity(text).differences(self._identity, regions=False)
            if different:
                raise IdentityError(
                    f"this driver has {' and '.join(different)} than the run whose structure it received: start it "
                    "with the config and the template of that run; two runs must not listen at one address"
                )
        self._known_identity = text

    def _frames(self, positions: FloatArray, cells: FloatArray) -> Frames:
        """The structures in A; rows of the cells are lattice vectors."""
        pbc = self._pbc(cells)
        try:
            return checked_frames(positions * BOHR, np.swapaxes(cells, -1, -2) * BOHR, pbc, natoms=len(self._template))
        except StructureError as error:
            fewer = np.ndim(positions) == 3 and np.shape(positions)[1] < len(self._template)
            hint = "; give i-PI's structure as the template, and remove an <activelist> from the <ffsocket>"
            raise StructureError(f"what the server sent cannot be evaluated: {error}{hint * fewer}") from error

    def _assignment(self, request: Request, frames: Frames) -> BoolArray:
        if request.token is not None:
            return self._under(request.token)
        if self._token is not None:
            raise RequestError("a structure came without an assignment after others with one: start the driver anew")
        if self._announced and self._frozen is not None:
            return self._frozen
        source = "from the template"
        if self._from_template:
            frames = frames_of(self._template)
        else:
            source = "from the first structure (use one driver, or a template with a cell)"
        if self._frozen is None:
            self._frozen = assignment_by_rules(self._partitioner, self._potential, frames)
        self._announced = True
        self._log(f"assignment: {_counts(self._frozen)}, {source}, frozen")
        warning = assignment_warning(self._partitioner, frames, self._frozen)
        if warning is not None:
            self._log(warning)
        return self._frozen

    def _under(self, text: str) -> BoolArray:
        """The assignment of a token; structures of one segment come with the same text."""
        if self._token is None or self._token[0] != text:
            token = decode(text, len(self._template))
            if self._token is None or not np.array_equal(self._token[1].assignment, token.assignment):
                self._log(f"assignment: {_counts(token.assignment)}, from the server, segment {token.segment}")
            self._token = (text, token)
        return self._token[1].assignment

    def _pbc(self, cells: FloatArray) -> Periodicity:
        flags = self._template.pbc if self._has_cell else np.any(cells[0] != 0.0, axis=1)
        return bool(flags[0]), bool(flags[1]), bool(flags[2])

    def _result(self, evaluation: Evaluation, assignment: BoolArray, k: int, **more: object) -> Result:
        extras: dict[str, object] = {"moe_n_complex": int(assignment.sum())}
        if "assignment" in self._extras:
            extras["moe_assignment"] = assignment.astype(int).tolist()
        if "atom_energies" in self._extras:
            extras["moe_atom_energies"] = evaluation.atom_energies[k].tolist()
        return Result(
            potential=float(evaluation.energies[k]) / HARTREE,
            forces=evaluation.forces[k] / HARTREE_PER_BOHR,
            virial=evaluation.virials[k] / HARTREE,
            extras=json.dumps(extras | more),
        )


def _counts(assignment: BoolArray) -> str:
    number = int(assignment.sum())
    return f"{number} complex, {len(assignment) - number} bulk atoms"


def _precision() -> str:
    """Of float32 products in this process, if its experts use torch."""
    torch = sys.modules.get("torch")
    return FULL_PRECISION if torch is None else str(torch.get_float32_matmul_precision())
