"""A run whose numbers are no longer numbers is stopped."""

from __future__ import annotations

import numpy as np
from ipi.engine.simulation import Simulation
from ipi.utils.depend import dstrip

from moe_ipi.errors import MoEError
from moe_ipi.plugin import engine


class UnstableError(MoEError):
    """Positions, momenta or the conserved quantity are not finite."""


def check_finite(simulation: Simulation, done: int) -> None:
    """To be called after every step, before its outputs are written.

    Args:
        simulation: the simulation.
        done: number of steps done, this one included.

    Raises:
        UnstableError: something is not finite; nothing of this step has been written.
    """
    for k, system in enumerate(simulation.syslist):
        for name, values in (("positions", system.beads.q), ("momenta", system.beads.p), ("cell", system.cell.h)):
            if not np.isfinite(dstrip(values)).all():
                raise _error(name, k, done)
    # Asked for only where it is known: it would cost an evaluation.
    if engine.forces_are_known(simulation):
        for k, conserved in enumerate(engine.conserved(simulation)):
            if not np.isfinite(conserved):
                raise _error("the conserved quantity", k, done)


def _error(what: str, system: int, done: int) -> UnstableError:
    verb = "is" if what in ("cell", "the conserved quantity") else "are"
    return UnstableError(
        f"{what} of system {system} {verb} not finite in step {done}; the last good step is {done - 1}: look at the "
        "frames before it, take a smaller time step or a gentler start"
    )
