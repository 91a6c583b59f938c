"""The accuracy monitor: forces of the two experts together against the complex expert on every atom."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from ipi.engine.forcefields import FFSocket
from ipi.engine.simulation import Simulation

from moe_ipi.inband.parameters import HAMILTONIAN, TOKEN
from moe_ipi.plugin import engine
from moe_ipi.plugin.asked import Asked, asked_of_systems
from moe_ipi.record import Record
from moe_ipi.units import HARTREE_PER_BOHR

_HEADER = """\
# moe-ipi accuracy monitor: forces on the centroid, both experts together against the complex expert on every atom
# step, segment, system, RMSE (eV/A, over components), largest difference (eV/A, over atoms), atom of it
"""


class Monitor:
    """Compares, and writes ``PREFIX.moe_monitor``.

    Args:
        simulation: the simulation, bound.
        field: the force field whose drivers are asked.
        threshold: eV/A; a larger RMSE is shown to the user.
        note: shows a line to the user.

    Raises:
        LedgerError: the file cannot be written.
    """

    def __init__(
        self, simulation: Simulation, field: FFSocket, threshold: float | None, note: Callable[[str], None]
    ) -> None:
        self._simulation = simulation
        self._field = field
        self._threshold = threshold
        self._note = note
        prefix = simulation.outtemplate.prefix or "moe-ipi"
        self._record = Record(Path(f"{prefix}.moe_monitor"), _HEADER, simulation.step)

    def compare(self, step: int, segment: int, token: str) -> list[Asked]:
        """Evaluate the centroid of every system both ways, and write the difference.

        Args:
            step: number of steps that were done.
            segment: the segment that begins.
            token: its assignment.

        Returns:
            The centroids, and how much the forces differ on each atom.
        """
        systems = self._simulation.syslist
        centroids = [(engine.beads_of(system, "centroid")[0], system.cell) for system in systems]
        moe, full = (
            engine.ask(self._field, centroids, {TOKEN: token, HAMILTONIAN: hamiltonian})
            for hamiltonian in ("moe", "complex")
        )
        found = []
        for k, (one, other) in enumerate(zip(moe, full, strict=True)):
            difference = (one[1] - other[1]).reshape(-1, 3) * HARTREE_PER_BOHR
            rmse = float(np.sqrt((difference**2).mean()))
            norms = np.linalg.norm(difference, axis=1)
            found.append(norms)
            worst = int(norms.argmax())
            self._record.write(f"{step:10d} {segment:8d} {k:6d}  {rmse:.6e}  {norms[worst]:.6e} {worst:8d}")
            if self._threshold is not None and rmse > self._threshold:
                self._note(
                    f"step {step}: forces differ from the complex expert's by {rmse:.3f} eV/A (RMS; threshold "
                    f"{self._threshold:g}), most at atom {worst}: enlarge the region"
                )
        structures = engine.frames(self._simulation, "centroid")
        return asked_of_systems("monitor", structures, [1] * len(systems), found)
