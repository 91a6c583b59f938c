"""What the i-PI process tells its parent: one JSON object per line."""

from __future__ import annotations

import contextlib
import json
import os
import time
import traceback
from typing import Any

from ipi.engine.simulation import Simulation
from ipi.utils.units import unit_to_user

from moe_ipi.plugin import engine
from moe_ipi.plugin.segments import Segments

_REPORT_EVERY = 0.2


class Reporter:
    """Writes status lines to the parent."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._last = 0.0
        self.failed = False

    def emit(self, **content: Any) -> None:
        """Send one object; a parent that is gone is noticed elsewhere."""
        with contextlib.suppress(OSError):
            os.write(self._descriptor, (json.dumps(content) + "\n").encode())

    def error(self, reason: str, *, refused: bool = False) -> None:
        """Report why the run fails; only the first reason counts.

        Args:
            reason: one line.
            refused: the input itself cannot be continued from.
        """
        if not self.failed:
            self.failed = True
            self.emit(error=reason, refused=refused)

    def note(self, text: str) -> None:
        """Show the user a line."""
        self.emit(note=text)

    def step(self, simulation: Simulation, step: int, segments: Segments) -> None:
        """Report on the step that was done, a few times per second."""
        now = time.monotonic()
        if now - self._last < _REPORT_EVERY and step + 1 < simulation.tsteps:
            return
        self._last = now
        try:
            state = _state(simulation)
        except Exception:
            # A report must never end a run.
            traceback.print_exc()
            state = {}
        if segments.adaptive:
            state["segment"] = segments.segment
        self.emit(step=step + 1, total=simulation.tsteps, n_complex=segments.n_complex, **state)


def _state(simulation: Simulation) -> dict[str, Any]:
    """Temperature in K; conserved quantity, summed over systems, in eV per bead.

    What would need a new evaluation of forces is left out.
    """
    systems = simulation.syslist
    state: dict[str, Any] = {"natoms": systems[0].beads.natoms, "nsystems": len(systems)}
    if any(s.motion.__class__.__name__ not in ("Dynamics", "MultiMotion") for s in systems):
        return state
    kelvin = [unit_to_user("temperature", "kelvin", s.properties["temperature"][0]) for s in systems]
    state["temperature"] = float(sum(kelvin) / len(kelvin))
    if not engine.forces_are_known(simulation):
        return state
    conserved = sum(float(s.properties["conserved"][0]) for s in systems)
    state["conserved"] = float(unit_to_user("energy", "electronvolt", conserved))
    return state
