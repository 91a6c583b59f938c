"""The assignment in the course of a script of LAMMPS."""

from __future__ import annotations

import sys

import numpy as np
from ase.data import atomic_masses, atomic_numbers

from moe_ipi.config import Config
from moe_ipi.errors import ConfigError, StructureError
from moe_ipi.inband.token import Token, checksum, encode
from moe_ipi.lammps.engine import Engine
from moe_ipi.lammps.ranks import Ranks
from moe_ipi.ledger import Line, read_ledger, summary
from moe_ipi.record import Ledger, ledger_path
from moe_ipi.regions.tracker import Tracker
from moe_ipi.typing import BoolArray, FloatArray, IntArray, Periodicity

#: The variable of LAMMPS that has the energy (eV) booked so far.
BOOKED = "moe_booked"
#: Dalton: types of one element differ by no more.
_MASS = 1e-6


class Segments:
    """Makes the assignment anew every ``segments.segment_steps`` steps, by the rules, on gathered positions.

    It is then kept in the types of the atoms, and so in data files and restarts of LAMMPS; ages of atoms (``dwell``)
    are not.  ``PREFIX.moe_ledger`` is as under i-PI.

    Args:
        ranks: all of them make one of these.
        config: regions and segments.
        prefix: of the ledger.
    """

    def __init__(self, ranks: Ranks, config: Config, prefix: str) -> None:
        self._ranks = ranks
        self._config = config
        self._prefix = prefix
        #: Length of a segment; 0: the assignment is that of the types, and fixed.
        self.steps = config.segments.segment_steps or 0
        self._tracker: Tracker | None = None
        self._ledger: Ledger | None = None
        self._assignment: BoolArray = np.zeros(0, bool)
        self._segment = 0
        self._booked = 0.0
        self._began = False

    def take(self, engine: Engine) -> None:
        """The LAMMPS whose types are changed."""
        self._engine = engine
        engine.command(f"variable {BOOKED} internal 0.0")

    def on_run(self, when: int) -> None:
        """Called on every rank at the beginning of a ``run`` (0), and when a segment of it has ended (1).

        Raises:
            SharedError: the rules, or what the script has made, cannot be used.
        """
        if when:
            self._reassign()
        elif not self._began:
            self._began = True
            self._ranks.together(self._check_masses)
            self._begin()

    def finish(self) -> None:
        """Say what was booked; on the root."""
        if self._ledger is not None:
            for line in summary(read_ledger(ledger_path(self._prefix))):
                self._note(line)

    def _note(self, line: str) -> None:
        if self._ranks.root:
            print(f"moe-ipi lammps: {line}", file=sys.stderr, flush=True)

    def _check_masses(self) -> None:
        elements = self._engine.domain.elements
        if not elements:
            raise ConfigError("the script has no pair_style moe: give it one, with pair_coeff * * ELEMENTS")
        masses = self._engine.lammps.extract_atom("mass")
        n = len(elements)
        known = atomic_masses[[atomic_numbers[element] for element in elements]]
        for k, element in enumerate(elements, 1):
            nearest = elements[int(np.argmin(abs(known - masses[k])))]
            if nearest != element:
                raise ConfigError(
                    f"type {k} is {element} in pair_coeff, but its mass {masses[k]:g} is that of {nearest}: name the "
                    "elements in the order of the types"
                )
            if abs(masses[k] - masses[k + n]) > _MASS:
                raise ConfigError(
                    f"types {k} and {k + n} are both {element} (bulk and complex), but their masses differ "
                    f"({masses[k]:g} and {masses[k + n]:g}): an atom that changes its expert keeps its mass"
                )

    def _begin(self) -> None:
        types = self._gathered(np.array(self._engine.types, np.int64))
        if types is not None:
            self._assignment = types > len(self._engine.domain.elements)
        if not self.steps:
            where = "in the types of the atoms, fixed (segments.segment_steps is 0 or not set)"
            self._note(f"assignment: {int(self._assignment.sum())} of {len(self._assignment)} atoms complex, {where}")
            return
        if self._ranks.comm.bcast(self._ranks.together(lambda: self._open(types))):
            self._engine.lammps.set_internal_variable(BOOKED, self._ranks.comm.bcast(self._booked))
            return
        # What the script did before belongs to no segment: nothing is booked.
        self._update()
        self._enter(0.0, np.zeros_like(self._assignment))

    def _open(self, types: IntArray | None) -> bool:
        """On the root: rules, their memory, and the ledger; whether the run goes on with that.

        Raises:
            ConfigError: the types are not those of the ledger.
        """
        if types is None:
            return False
        elements = self._engine.domain.elements
        self._tracker = Tracker(self._config.regions, [elements[k] for k in (types - 1) % len(elements)])
        if self._assignment.any():
            self._tracker.restore(self._assignment, None)
        step, path = self._step, ledger_path(self._prefix)
        lines = [line for line in read_ledger(path) if line.step <= step] if step > 0 and path.is_file() else []
        if lines:
            self._segment, self._booked = lines[-1].segment, sum(sum(line.jumps) for line in lines)
            if lines[-1].token != self._checksum:
                raise ConfigError(
                    f"the assignment in the types of the atoms is not that of {path} at step {step}: read the restart "
                    "that was written then, or move the ledger away"
                )
        self._ledger = Ledger(self._prefix, step)
        return bool(lines)

    @property
    def _checksum(self) -> str:
        return checksum(encode(Token(self._segment, self._assignment)))

    @property
    def _step(self) -> int:
        return int(self._engine.lammps.extract_global("ntimestep"))

    def _reassign(self) -> None:
        old = self._assignment
        before = self._energy()
        self._segment += 1
        jump = 0.0
        if self._update():
            self._engine.command("run 0 post no")
            jump = self._energy() - before
            self._booked += jump
        self._enter(jump, old)

    def _energy(self) -> float:
        """Of the last evaluation, eV."""
        return float(self._ranks.comm.allreduce(float(self._engine.energies.sum())))

    def _update(self) -> bool:
        """Make the assignment anew; whether it changed."""
        structure = self._structure()
        disagreement = self._disagreement() if self._config.regions.needs_disagreement else None
        found: list[BoolArray] = []

        def work() -> None:
            if self._tracker is not None and structure is not None:
                positions, cell, pbc = structure
                found.append(self._tracker.update(positions, cell, pbc, disagreement))

        self._ranks.together(work)
        changed = self._ranks.comm.bcast(found[0] if found and not np.array_equal(found[0], self._assignment) else None)
        if changed is None:
            return False
        self._assignment = changed
        types, n = self._engine.types, len(self._engine.domain.elements)
        # Ghosts keep the old ones until the next list is built; of them only the element matters.
        types[:] = (types - 1) % n + 1 + n * changed[self._engine.ids - 1]
        return True

    def _structure(self) -> tuple[FloatArray, FloatArray, Periodicity] | None:
        """On the root: positions (N, 3) A, cell (3, 3) A, periodicity."""
        positions = self._gathered(np.array(self._engine.positions))
        return None if positions is None else (positions, *self._engine.cell)

    def _disagreement(self) -> FloatArray | None:
        """On the root: (N,) eV, how much the experts disagree; costs both on every atom."""
        domain = self._engine.domain
        energies = []
        try:
            for hamiltonian in ("complex", "bulk"):
                domain.hamiltonian = hamiltonian
                self._engine.command("run 0 post no")
                energies.append(self._gathered(self._engine.energies))
        finally:
            domain.hamiltonian = "moe"
        # What the next step starts from.
        self._engine.command("run 0 post no")
        complex, bulk = energies
        return None if complex is None or bulk is None else np.abs(complex - bulk)

    def _gathered(self, own: np.ndarray) -> np.ndarray | None:
        """Numbers of this rank's own atoms to those of all, in the order of their ids; on the root."""
        parts = self._ranks.comm.gather((self._engine.ids, own))
        whole: np.ndarray | None = None
        if parts is not None:
            ids = np.concatenate([part[0] for part in parts])
            order = np.argsort(ids)
            whole = np.concatenate([part[1] for part in parts])[order]
            consecutive = np.array_equal(ids[order], np.arange(1, len(ids) + 1))
        else:
            consecutive = True

        def check() -> None:
            if not consecutive:
                raise StructureError("the ids of the atoms are not 1 to N: add reset_atoms id to the script")
            if self._tracker is not None and whole is not None and len(whole) != len(self._assignment):
                raise StructureError("the number of atoms has changed: set segments.segment_steps = 0 for that")

        self._ranks.together(check)
        return whole

    def _enter(self, jump: float, old: BoolArray) -> None:
        self._engine.lammps.set_internal_variable(BOOKED, self._booked)
        if self._ledger is None:
            return
        new = self._assignment
        self._ledger.enter(
            Line(
                step=self._step,
                segment=self._segment,
                n_complex=int(new.sum()),
                token=self._checksum,
                jumps=[jump],
                joined=frozenset(np.flatnonzero(new & ~old).tolist()),
                left=frozenset(np.flatnonzero(old & ~new).tolist()),
            )
        )
