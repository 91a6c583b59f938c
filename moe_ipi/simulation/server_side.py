"""What the segments need of i-PI: frames, parameters of force fields, forces anew, extra requests to drivers.

Nothing here is specific to one kind of run: beads, replicas, contraction, multiple time stepping and biases all reach
the drivers through :class:`ipi.engine.forces.ForceBead`.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, Literal

import numpy as np
from ipi.engine.forcefields import FFSocket
from ipi.engine.simulation import Simulation
from ipi.utils.depend import dstrip
from ipi.utils.softexit import softexit
from numpy.typing import NDArray

from moe_ipi.units import BOHR

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Frames:
    """Structures of a simulation; B frames of N atoms.

    Attributes:
        positions: (B, N, 3) A.
        cells: (B, 3, 3) A, rows are lattice vectors.
    """

    positions: FloatArray
    cells: FloatArray


def frames(simulation: Simulation, union: Literal["beads", "centroid"]) -> Frames:
    """All beads of all systems, or all centroids."""
    positions, cells = [], []
    for system in simulation.syslist:
        beads = np.array(dstrip(system.beads.q), np.float64)
        if union == "centroid":
            beads = beads.mean(axis=0, keepdims=True)
        positions.append(beads.reshape(len(beads), -1, 3))
        cells += [np.array(dstrip(system.cell.h), np.float64).T] * len(beads)
    return Frames(np.concatenate(positions) * BOHR, np.array(cells) * BOHR)


def sockets(fields: Iterable[Any]) -> Iterator[FFSocket]:
    """The force fields with drivers, those inside committees and other wrappers included."""
    for field in fields:
        if isinstance(field, FFSocket):
            yield field
        yield from sockets(getattr(field, "fflist", ()))


def set_parameters(field: FFSocket, changes: dict[str, str | None]) -> None:
    """Change parameters of a force field; ``None`` removes one.

    The dictionary is replaced, never changed: what i-PI has stored for its RESTART holds on to the old one.
    """
    parameters = {**(field.pars or {}), **changes}
    field.pars = {name: value for name, value in parameters.items() if value is not None}


def recompute(simulation: Simulation) -> None:
    """Have all forces that come from drivers computed again, at the same positions.

    Only what is used is sent again; everything is queued before anything is waited for.
    """
    for system in simulation.syslist:
        for forces in (system.forces, system.ensemble.bias):
            # The displaced beads of the fourth-order integrators.
            for each in (forces, getattr(forces, "dforces", None)):
                for component in each.mforces if each is not None else ():
                    # A component of the bias may be a physical one, scaled.
                    component = getattr(component, "bf", component)
                    if any(sockets([component.ff])):
                        for bead in component._forces:
                            bead._ufvx.taint(taintme=True)
    for system in simulation.syslist:
        system.forces.queue()


def conserved(simulation: Simulation) -> FloatArray:
    """(systems,) i-PI's conserved quantity in hartree, summed over the beads (i-PI prints it per bead)."""
    return np.array([float(system.ensemble.econs) for system in simulation.syslist])


def ask(field: FFSocket, structures: Sequence[tuple[FloatArray, Any]], changes: dict[str, str | None]) -> list[Any]:
    """Have structures evaluated besides those of the dynamics.

    Args:
        field: the force field whose drivers are asked.
        structures: positions (3N,) in bohr and i-PI's cell of each.
        changes: parameters for these requests only.

    Returns:
        i-PI's results: hartree, (3N,) hartree/bohr, virial, dictionary of extras.

    Raises:
        SystemExit: i-PI was stopped while it waited.
    """
    before = field.pars
    set_parameters(field, changes)
    try:
        # i-PI writes the parameters into a request when it is queued.
        requests = [field.queue(SimpleNamespace(q=positions), cell) for positions, cell in structures]
    finally:
        field.pars = before
    results = []
    for request in requests:
        while request["status"] != "Done":
            if request["status"] == "Exit" or softexit.triggered:
                softexit.trigger(message=" @moe-ipi: stopped while it waited for a driver")
                while softexit.exiting:
                    time.sleep(field.latency)
                sys.exit()
            request._event_done.wait(timeout=0.5)
        field.release(request)
        results.append(request["result"])
    return results


def canonicalise(simulation: Simulation) -> None:
    """Bring the beads into the state that a restart from a checkpoint would give them.

    i-PI propagates normal modes but stores beads: both describe the same ring polymer only up to rounding.  Setting the
    beads to what they are makes the normal modes follow from them, here as after a restart.
    """
    for system in simulation.syslist:
        beads = system.beads
        if beads.nbeads > 1:
            beads.q[:] = dstrip(beads.q).copy()
            beads.p[:] = dstrip(beads.p).copy()


def constrain(simulation: Simulation) -> None:
    """Apply the constraints on momenta, as i-PI does when it starts from a checkpoint."""
    for system in simulation.syslist:
        for motion in getattr(system.motion, "mlist", [system.motion]):
            if hasattr(motion, "integrator"):
                motion.integrator.pconstraints()
