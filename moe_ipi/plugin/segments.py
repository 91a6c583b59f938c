"""The assignment of a running simulation: fixed within a segment, updated at its end.

Between two reassignments the energy is one function of the positions, so the dynamics is that of one Hamiltonian.  At a
reassignment the positions and momenta stay and the energy jumps; the jump is booked in ``ensemble.eens``, as i-PI
books those of its replica exchange and metadynamics, so that the conserved quantity shows only the errors of the
integration.  Bookkeeping does not restore detailed balance across a reassignment.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from ipi.engine.simulation import Simulation
from ipi.utils.softexit import softexit

from moe_ipi.config import Config
from moe_ipi.inband import memory as memories
from moe_ipi.inband import token as tokens
from moe_ipi.inband.identity import identity_of
from moe_ipi.inband.memory import Memory
from moe_ipi.inband.parameters import IDENTITY, MEMORY, TOKEN
from moe_ipi.inband.token import Token
from moe_ipi.ledger import Line
from moe_ipi.plugin import engine
from moe_ipi.plugin.asked import Asked
from moe_ipi.plugin.checkpoints import write_safely
from moe_ipi.plugin.continuity import Stored, changes_since, read_stored
from moe_ipi.plugin.harvest import Harvest, check_harvest
from moe_ipi.plugin.health import check_finite
from moe_ipi.plugin.monitor import Monitor
from moe_ipi.plugin.reassignment import reassigner
from moe_ipi.record import Ledger, last_assignment
from moe_ipi.typing import BoolArray, FloatArray
from moe_ipi.units import HARTREE


class Segments:
    """Makes the assignment, and tells everybody.

    Args:
        simulation: not bound yet.
        config: regions and segments.
        steps: length of a segment; 0: the assignment of the start is kept.
        note: shows a line to the user.
        accept_changes: a checkpoint may be continued with other experts, regions or assignment than it was made with.

    Raises:
        ConfigError: regions or run do not allow the reassignments that the config asks for.
        TokenError, CheckpointError: the checkpoint is damaged, or of another system.
        ChangedError, IdentityError: it was made with something else, and this is not wanted.
        LedgerError: the ledger cannot be read.
    """

    def __init__(
        self,
        simulation: Simulation,
        config: Config,
        steps: int,
        note: Callable[[str], None],
        *,
        accept_changes: bool = False,
    ) -> None:
        self._simulation = simulation
        self._identity = identity_of(config, simulation.syslist[0].beads.names)
        self._config = config.segments
        self._harvest_config = config.harvest if steps else None
        self._steps = steps
        self._note = note
        self._fields = list(engine.sockets(simulation.fflist.values()))
        # Whatever is wrong with the checkpoint is said now, while nothing has been touched.
        self._stored = read_stored(self._fields, simulation)
        self._accepted = [] if self._stored.token is None else self._changes(self._stored, accept_changes)
        self._by = reassigner(simulation, config, self._fields, steps, self._stored, note)
        if steps:
            check_harvest(config, self._by.asks)
        self._booked = np.zeros(len(simulation.syslist))
        self._segment = 0
        self._token = ""
        self._constrain = False
        self._checkpoints: list[Any] = []
        self._ledger: Ledger
        self._monitor: Monitor | None = None
        self._harvest: Harvest | None = None

    @property
    def adaptive(self) -> bool:
        """Whether the assignment is ever updated."""
        return self._steps > 0

    @property
    def segment(self) -> int:
        """The present segment, counted from 0."""
        return self._segment

    @property
    def n_complex(self) -> int:
        """Number of complex atoms."""
        return int(self._assignment.sum())

    @property
    def _assignment(self) -> BoolArray:
        """(N,) of the present segment; before the first one nobody is complex."""
        known = self._by.assignment
        return known if known is not None else np.zeros(self._simulation.syslist[0].beads.natoms, bool)

    def booked(self, system: int) -> float:
        """Accumulated energy jump of a system, hartree per bead: what ``dE`` in the ledger sums to."""
        return float(self._booked[system] / self._simulation.syslist[system].beads.nbeads)

    def begin(self) -> None:
        """Take the assignment from the checkpoint, or make the first one; the simulation is bound and has not run.

        Raises:
            StructureError: what the rules remember does not fit.
            LedgerError: the ledger cannot be written.
            HarvestError: frames of the run before cannot be read.
        """
        simulation = self._simulation
        self._checkpoints = engine.checkpoints(simulation)
        for output in (*self._checkpoints, simulation.chk):
            # Drivers need not receive the memory with every structure.
            engine.while_storing(output, self._show_memory, self._hide_memory)
            write_safely(output)
        self._ledger = Ledger(self._prefix, simulation.step)
        for line in self._accepted:
            self._ledger.remark(simulation.step, line)
            self._note(f"step {simulation.step}: {line}")
        if self._steps and self._config.monitor:
            self._monitor = Monitor(simulation, self._fields[0], self._config.monitor_threshold, self._note)
        if self._harvest_config is not None:
            continued = simulation.step > 0 or self._stored.token is not None
            self._harvest = Harvest(self._harvest_config, simulation, self._note, continued=continued)
        for field in self._fields:
            engine.set_parameters(field, {MEMORY: None, IDENTITY: self._identity.encode()})
        if self._stored.token is None:
            if simulation.step > 0:
                self._note("there is no assignment in this checkpoint: the rules make a new one")
            self._start()
        else:
            self._continue(self._stored.token, self._stored.memory)

    @property
    def _prefix(self) -> str:
        return self._simulation.outtemplate.prefix or "moe-ipi"

    def _changes(self, stored: Stored, accept: bool) -> list[str]:
        assert stored.token is not None
        return changes_since(
            stored.identity,
            self._identity,
            prefix=self._prefix,
            step=self._simulation.step,
            token=tokens.encode(stored.token),
            accept=accept,
        )

    def _start(self) -> None:
        everyone = np.ones(self._simulation.syslist[0].beads.natoms, bool)
        self._publish(Token(0, everyone))
        self._update()
        warning = self._by.warning()
        if warning is not None:
            self._note(warning)
        self._write(self._simulation.step, np.zeros(len(self._booked)), np.zeros_like(everyone))
        self._keep(self._simulation.step, self._by.asked)

    def _continue(self, token: Token, memory: Memory | None) -> None:
        if memory is not None:
            self._booked[:] = memory.booked
        self._by.restore(token.assignment, None if memory is None else memory.tracker)
        self._publish(token)
        if last_assignment(self._prefix, self._simulation.step) is None:
            # A ledger that begins here: its first line says who is complex, as that of a new run does.
            nobody = np.zeros_like(token.assignment)
            self._write(self._simulation.step, np.zeros(len(self._booked)), nobody)

    def before_step(self) -> None:
        """To be called before every step of i-PI."""
        if self._constrain:
            self._constrain = False
            engine.constrain(self._simulation)

    def after_step(self, step: int) -> None:
        """To be called after every step of i-PI, before it writes its outputs.

        Args:
            step: i-PI's number of the step, counted from 0.
        """
        if softexit.triggered or self._simulation.finished:
            return
        done = step + 1
        check_finite(self._simulation, done)
        if self._steps:
            self._by.sample(done)
        boundary = bool(self._steps) and done % self._steps == 0
        if boundary or any(done % output.stride == 0 for output in self._checkpoints):
            before = engine.conserved(self._simulation) if boundary else None
            engine.canonicalise(self._simulation)
            self._constrain = True
            if before is not None:
                self._reassign(done, before)
            engine.settle(self._simulation)

    def _reassign(self, step: int, before: FloatArray) -> None:
        old = self._assignment
        self._segment += 1
        bias = self._by.energy()
        self._update()
        jumps = np.zeros(len(before))
        if not np.array_equal(self._assignment, old):
            self._by.recompute()
            jumps = engine.conserved(self._simulation) - before
            engine.book(self._simulation, jumps)
            self._booked += jumps
        self._write(step, jumps, old, self._by.energy() - bias)
        asked = list(self._by.asked)
        if self._monitor is not None and self._segment % self._config.monitor == 0:
            asked += self._monitor.compare(step, self._segment, self._token)
        self._keep(step, asked)

    def _keep(self, step: int, asked: list[Asked]) -> None:
        if self._harvest is not None:
            self._harvest.offer(asked, step, self._segment, self._assignment)

    def _update(self) -> None:
        self._publish(Token(self._segment, self._by.update()))

    def _publish(self, token: Token) -> None:
        self._segment = token.segment
        self._token = tokens.encode(token)
        for field in self._fields:
            engine.set_parameters(field, {TOKEN: self._token})
        self._by.publish(self._token)

    def _write(self, step: int, jumps: FloatArray, old: BoolArray, bias: float = 0.0) -> None:
        new, remarks = self._assignment, self._by.remarks
        nbeads = [system.beads.nbeads for system in self._simulation.syslist]
        if remarks:
            remarks = {"dB": f"{bias / nbeads[0] * HARTREE:.10e}", **remarks}
        self._ledger.enter(
            Line(
                step=step,
                segment=self._segment,
                n_complex=self.n_complex,
                token=tokens.checksum(self._token),
                jumps=(jumps / nbeads * HARTREE).tolist(),
                joined=frozenset(np.flatnonzero(new & ~old).tolist()),
                left=frozenset(np.flatnonzero(old & ~new).tolist()),
                named=remarks,
            )
        )

    def _show_memory(self) -> None:
        memory = Memory(self._booked.tolist(), self._by.state())
        engine.set_parameters(self._fields[0], {MEMORY: memories.encode(memory)})

    def _hide_memory(self) -> None:
        engine.set_parameters(self._fields[0], {MEMORY: None})


def add_properties(simulation: Simulation, segments: Segments) -> None:
    """Let ``<properties>`` print ``moe_n_complex``, ``moe_segment``, ``moe_booked``; before i-PI binds its outputs."""
    for k, system in enumerate(simulation.syslist):
        engine.add_property(
            system, "moe_n_complex", "number", "Number of atoms of the complex expert.", lambda: segments.n_complex
        )
        engine.add_property(
            system, "moe_segment", "number", "Number of times the assignment was updated.", lambda: segments.segment
        )
        engine.add_property(
            system,
            "moe_booked",
            "energy",
            "Accumulated jump of the energy (per bead) at updates of the assignment.",
            partial(segments.booked, k),
        )
