"""Assignments by rules: where the atoms are, and where they were, decides."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from ipi.engine.forcefields import FFSocket
from ipi.engine.simulation import Simulation

from moe_ipi.config import Config
from moe_ipi.elements import element_symbols
from moe_ipi.frames import Frames
from moe_ipi.inband.parameters import HAMILTONIAN, PROBE
from moe_ipi.plugin import engine
from moe_ipi.plugin.asked import Asked, asked_of_systems
from moe_ipi.regions.partitioner import Partitioner
from moe_ipi.regions.tracker import Tracker
from moe_ipi.regions.warnings import assignment_warning
from moe_ipi.typing import BoolArray, FloatArray


class ByRules:
    """The rules of ``[regions]``, with hysteresis, dwell and averages.

    Args:
        simulation: not bound yet.
        config: regions and segments.
        fields: the force fields with drivers.
        note: shows a line to the user.
    """

    def __init__(
        self, simulation: Simulation, config: Config, fields: Sequence[FFSocket], note: Callable[[str], None]
    ) -> None:
        self._simulation = simulation
        self._config = config.segments
        self._fields = fields
        self._note = note
        species = element_symbols(simulation.syslist[0].beads.names)
        self._partitioner = Partitioner(config.regions, species)
        self._tracker = Tracker(config.regions, species)
        self._probed = False
        self._asked: list[Asked] = []

    @property
    def assignment(self) -> BoolArray | None:
        """(N,) of the present segment; ``None`` before the first one."""
        return self._tracker.assignment

    @property
    def remarks(self) -> dict[str, str]:
        """What the ledger says of the last update besides its usual columns."""
        return {}

    @property
    def asks(self) -> bool:
        """Whether :meth:`update` asks the experts."""
        return self._tracker.needs_disagreement

    @property
    def asked(self) -> list[Asked]:
        """What the last update asked them, and how much they disagreed."""
        return self._asked

    def sample(self, step: int) -> None:
        """To be called after every step, with the number of steps done."""
        if self._tracker.needs_samples and step % self._config.sample_steps == 0:
            structures = engine.frames(self._simulation, self._config.union)
            self._tracker.sample(structures.positions, structures.cells, structures.pbc)

    def update(self) -> BoolArray:
        """(N,) the assignment of the segment that begins."""
        structures = engine.frames(self._simulation, self._config.union)
        disagreement = self._probe(structures) if self._tracker.needs_disagreement else None
        return self._tracker.update(structures.positions, structures.cells, structures.pbc, disagreement)

    def publish(self, token: str) -> None:
        """Nobody besides the drivers needs to know the assignment."""

    def energy(self) -> float:
        """There is no bias."""
        return 0.0

    def recompute(self) -> None:
        """Have computed again what depends on the assignment."""
        engine.recompute(self._simulation)

    def warning(self) -> str | None:
        """A line for the user if the first assignment is of no use."""
        assert self.assignment is not None
        return assignment_warning(
            self._partitioner, engine.frames(self._simulation, self._config.union), self.assignment
        )

    def state(self) -> dict[str, Any]:
        """What is remembered besides the assignment."""
        return self._tracker.state()

    def restore(self, assignment: BoolArray, state: Mapping[str, Any] | None) -> None:
        """Continue from a checkpoint.

        Raises:
            StructureError: the state does not fit.
        """
        self._tracker.restore(assignment, state)

    def _probe(self, structures: Frames) -> FloatArray:
        """(B, N) eV: how much the experts disagree on every atom of every frame."""
        start = time.monotonic()
        systems = [(system, engine.beads_of(system, self._config.union)) for system in self._simulation.syslist]
        requests = [(bead, system.cell) for system, beads in systems for bead in beads]
        results = engine.ask(self._fields[0], requests, {PROBE: "agreement", HAMILTONIAN: None})
        if not self._probed:
            self._probed = True
            seconds = time.monotonic() - start
            self._note(f"agreement: both experts on every atom of {len(structures)} frames, {seconds:.2f} s a segment")
        found = np.array([result[3]["moe_disagreement"] for result in results], np.float64)
        self._asked = asked_of_systems("agreement", structures, [len(beads) for _, beads in systems], found)
        return found
