"""The assignment of a running simulation: fixed within a segment, made anew at its end.

Between two reassignments the energy is one function of the positions, so the dynamics is that of one Hamiltonian.  At a
reassignment the positions and momenta stay and the energy jumps; the jump is booked in ``ensemble.eens``, as i-PI
books those of its replica exchange and metadynamics, so that the conserved quantity shows only the errors of the
integration.  Bookkeeping does not restore detailed balance across a reassignment.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
from ipi.engine.outputs import CheckpointOutput
from ipi.engine.simulation import Simulation
from ipi.utils.depend import dstrip
from ipi.utils.softexit import softexit
from numpy.typing import NDArray

from moe_ipi.config import Config
from moe_ipi.driver.request import HAMILTONIAN, MEMORY, PROBE, TOKEN
from moe_ipi.regions import assignment as tokens
from moe_ipi.regions.assignment import Token
from moe_ipi.regions.tracker import Tracker
from moe_ipi.simulation import memory as memories
from moe_ipi.simulation import server_side
from moe_ipi.simulation.ledger import Entry, Ledger
from moe_ipi.simulation.memory import Memory
from moe_ipi.simulation.monitor import Monitor
from moe_ipi.structure import element_symbols
from moe_ipi.units import HARTREE

_PBC = (True, True, True)


class Segments:
    """Makes the assignment, and tells everybody.

    Args:
        simulation: not bound yet.
        config: regions and segments.
        steps: length of a segment; 0: the assignment of the start is kept.
        note: shows a line to the user.
    """

    def __init__(self, simulation: Simulation, config: Config, steps: int, note: Callable[[str], None]) -> None:
        self._simulation = simulation
        self._config = config.segments
        self._steps = steps
        self._note = note
        self._tracker = Tracker(config.regions, element_symbols(simulation.syslist[0].beads.names))
        self._fields = list(server_side.sockets(simulation.fflist.values()))
        self._booked = np.zeros(len(simulation.syslist))
        self._segment = 0
        self._token = ""
        self._constrain = False
        self._probed = False
        self._checkpoints: list[CheckpointOutput] = []
        self._ledger: Ledger
        self._monitor: Monitor | None = None

    @property
    def adaptive(self) -> bool:
        """Whether the assignment is ever made anew."""
        return self._steps > 0

    @property
    def segment(self) -> int:
        """The present segment, counted from 0."""
        return self._segment

    @property
    def n_complex(self) -> int:
        """Number of complex atoms."""
        return int(self._tracker.assignment.sum()) if self._tracker.assignment is not None else 0

    def booked(self, system: int) -> float:
        """Hartree per bead booked so far for a system: what ``dE`` in the ledger sums to."""
        return float(self._booked[system]) / self._simulation.syslist[system].beads.nbeads

    def begin(self) -> None:
        """Take the assignment from the checkpoint, or make the first one; the simulation is bound and has not run.

        Raises:
            TokenError, CheckpointError, StructureError: what the checkpoint holds does not fit.
            LedgerError: the ledger cannot be written.
        """
        simulation = self._simulation
        self._checkpoints = [output for output in simulation.outputs if isinstance(output, CheckpointOutput)]
        for output in (*self._checkpoints, simulation.chk):
            self._store_with_memory(output)
        self._ledger = Ledger(simulation.outtemplate.prefix or "moe-ipi", simulation.step)
        if self._steps and self._config.monitor:
            self._monitor = Monitor(simulation, self._fields[0], self._config.monitor_threshold, self._note)
        parameters = [field.pars or {} for field in self._fields]
        known = next((p[TOKEN] for p in parameters if TOKEN in p), None)
        memory = next((p[MEMORY] for p in parameters if MEMORY in p), None)
        for field in self._fields:
            server_side.set_parameters(field, {MEMORY: None})
        if known is None:
            if simulation.step > 0:
                self._note("there is no assignment in this checkpoint: it is made anew")
            self._start()
        else:
            self._continue(str(known), None if memory is None else str(memory))

    def _start(self) -> None:
        structures = server_side.frames(self._simulation, self._config.union)
        everyone = np.ones(structures.positions.shape[1], bool)
        self._publish(Token(0, everyone))
        self._update(structures)
        self._write(self._simulation.step, np.zeros(len(self._booked)), np.zeros_like(everyone))

    def _continue(self, text: str, memory: str | None) -> None:
        token = tokens.decode(text, self._simulation.syslist[0].beads.natoms)
        state = None
        if memory is not None:
            remembered = memories.decode(memory, len(self._booked))
            self._booked[:] = remembered.booked
            state = remembered.tracker
        self._tracker.restore(token.assignment, state)
        self._publish(token)

    def before_step(self) -> None:
        """To be called before every step of i-PI."""
        if self._constrain:
            self._constrain = False
            server_side.constrain(self._simulation)

    def after_step(self, step: int) -> None:
        """To be called after every step of i-PI, before it writes its outputs.

        Args:
            step: i-PI's number of the step, counted from 0.
        """
        if softexit.triggered or self._simulation.finished:
            return
        done = step + 1
        averaging = self._steps and self._tracker.needs_samples
        if averaging and done % self._config.sample_steps == 0:
            structures = server_side.frames(self._simulation, self._config.union)
            self._tracker.sample(structures.positions, structures.cells, _PBC)
        boundary = bool(self._steps) and done % self._steps == 0
        if boundary or any(done % output.stride == 0 for output in self._checkpoints):
            before = server_side.conserved(self._simulation) if boundary else None
            server_side.canonicalise(self._simulation)
            self._constrain = True
            if before is not None:
                self._reassign(done, before)

    def _reassign(self, step: int, before: NDArray[np.float64]) -> None:
        old = self._tracker.assignment
        self._segment += 1
        self._update(server_side.frames(self._simulation, self._config.union))
        jumps = np.zeros(len(before))
        if not np.array_equal(self._tracker.assignment, old):
            server_side.recompute(self._simulation)
            jumps = server_side.conserved(self._simulation) - before
            for system, jump in zip(self._simulation.syslist, jumps, strict=True):
                system.ensemble.eens -= jump
            self._booked += jumps
        self._write(step, jumps, old)
        if self._monitor is not None and self._segment % self._config.monitor == 0:
            self._monitor.compare(step, self._segment, self._token)

    def _update(self, structures: server_side.Frames) -> None:
        disagreement = self._probe() if self._tracker.needs_disagreement else None
        new = self._tracker.update(structures.positions, structures.cells, _PBC, disagreement)
        self._publish(Token(self._segment, new))

    def _publish(self, token: Token) -> None:
        self._segment = token.segment
        self._token = tokens.encode(token)
        for field in self._fields:
            server_side.set_parameters(field, {TOKEN: self._token})

    def _probe(self) -> NDArray[np.float64]:
        """(B, N) eV: how much the experts disagree on every atom of every frame."""
        start = time.monotonic()
        structures = []
        for system in self._simulation.syslist:
            beads = np.array(dstrip(system.beads.q))
            if self._config.union == "centroid":
                beads = beads.mean(axis=0, keepdims=True)
            structures += [(bead, system.cell) for bead in beads]
        results = server_side.ask(self._fields[0], structures, {PROBE: "agreement", HAMILTONIAN: None})
        if not self._probed:
            self._probed = True
            seconds = time.monotonic() - start
            self._note(f"agreement: both experts on every atom of {len(structures)} frames, {seconds:.2f} s a segment")
        return np.array([result[3]["moe_disagreement"] for result in results], np.float64)

    def _write(self, step: int, jumps: NDArray[np.float64], old: NDArray[np.bool_]) -> None:
        new = self._tracker.assignment
        nbeads = [system.beads.nbeads for system in self._simulation.syslist]
        self._ledger.enter(
            Entry(
                step=step,
                segment=self._segment,
                n_complex=self.n_complex,
                token=tokens.checksum(self._token),
                jumps=jumps / nbeads * HARTREE,
                joined=np.flatnonzero(new & ~old),
                left=np.flatnonzero(old & ~new),
            )
        )

    def _store_with_memory(self, output: CheckpointOutput) -> None:
        """Let i-PI store the memory with its state; drivers need not receive it with every structure."""
        store = output.store

        def stored() -> None:
            field, parameters = self._fields[0], self._fields[0].pars
            memory = Memory(self._booked.tolist(), self._tracker.state())
            server_side.set_parameters(field, {MEMORY: memories.encode(memory)})
            try:
                store()
            finally:
                field.pars = parameters

        output.store = stored


def add_properties(simulation: Simulation, segments: Segments) -> None:
    """Let ``<properties>`` print ``moe_n_complex``, ``moe_segment``, ``moe_booked``; before i-PI binds its outputs."""
    for k, system in enumerate(simulation.syslist):
        system.properties.property_dict |= {
            "moe_n_complex": {
                "dimension": "number",
                "help": "Number of atoms of the complex expert.",
                "func": lambda: segments.n_complex,
            },
            "moe_segment": {
                "dimension": "number",
                "help": "Number of times the assignment was made anew.",
                "func": lambda: segments.segment,
            },
            "moe_booked": {
                "dimension": "energy",
                "help": "Energy (per bead) by which reassignments have changed the potential so far.",
                "func": lambda k=k: segments.booked(k),
            },
        }
