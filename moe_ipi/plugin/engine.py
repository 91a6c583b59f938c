"""i-PI's insides: the only file of this package that touches what i-PI does not promise to keep.

Read in i-PI 3.3.1.  Nothing here is specific to one kind of run: beads, replicas, contraction, multiple time stepping
and biases all reach the drivers through :class:`ipi.engine.forces.ForceBead`.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal

import numpy as np
from ipi.engine import forcefields as forcefields_of_ipi
from ipi.engine import outputs
from ipi.engine.forcefields import FFDirect, FFSocket, ForceField
from ipi.engine.forces import ForceComponent
from ipi.engine.outputs import CheckpointOutput
from ipi.engine.simulation import Simulation
from ipi.utils.depend import depend_array, dstrip
from ipi.utils.softexit import softexit

from moe_ipi.driver.address import Server
from moe_ipi.frames import PERIODIC, Frames
from moe_ipi.typing import FloatArray
from moe_ipi.units import BOHR


def beads_of(system: Any, union: Literal["beads", "centroid"]) -> FloatArray:
    """(B, 3N) bohr: the beads of a system, or its centroid (B = 1)."""
    beads = np.array(dstrip(system.beads.q), np.float64)
    return beads.mean(axis=0, keepdims=True) if union == "centroid" else beads


def frames(simulation: Simulation, union: Literal["beads", "centroid"]) -> Frames:
    """All beads of all systems, or all centroids, in A."""
    positions, cells = [], []
    for system in simulation.syslist:
        beads = beads_of(system, union)
        positions.append(beads.reshape(len(beads), -1, 3))
        cells += [np.array(dstrip(system.cell.h), np.float64).T] * len(beads)
    return Frames(np.concatenate(positions) * BOHR, np.array(cells) * BOHR, PERIODIC)


def forcefields(fields: Iterable[Any]) -> Iterator[Any]:
    """All force fields, those inside committees and other wrappers included."""
    for field in fields:
        yield field
        # <ffrotations> has one, <ffcommittee> several.
        inner = getattr(field, "ff", None)
        yield from forcefields([inner] if isinstance(inner, ForceField) else getattr(field, "fflist", ()))


def sockets(fields: Iterable[Any]) -> Iterator[FFSocket]:
    """The force fields with drivers, those inside committees and other wrappers included."""
    return (field for field in forcefields(fields) if isinstance(field, FFSocket))


def listen(simulation: Simulation, places: Mapping[str, Server]) -> None:
    """Have force fields listen elsewhere than the input says; before i-PI opens their sockets.

    Args:
        simulation: loaded.
        places: by the name of the ``<ffsocket>``.
    """
    for field in sockets(simulation.fflist.values()):
        if field.name in places:
            place, interface = places[field.name], field.socket
            interface.address = place.address
            interface.mode = "inet" if place.port is not None else "shm" if place.shm else "unix"
            interface.port = interface.port if place.port is None else place.port


def set_parameters(field: ForceField, changes: dict[str, str | None]) -> None:
    """Change parameters of a force field; ``None`` removes one.

    The dictionary is replaced, never changed: what i-PI has stored for its RESTART holds on to the old one.
    """
    parameters = {**(field.pars or {}), **changes}
    field.pars = {name: value for name, value in parameters.items() if value is not None}


def recompute(simulation: Simulation, *more: ForceField) -> None:
    """Have all forces that come from drivers, and from ``more``, computed again, at the same positions.

    Only what is used is sent again; everything is queued before anything is waited for.
    """
    for field, beads in _components(simulation):
        if field in more or any(sockets([field])):
            for bead in beads:
                bead._ufvx.taint(taintme=True)
    for system in simulation.syslist:
        system.forces.queue()


def forces_are_known(simulation: Simulation) -> bool:
    """Whether every force that counts is that of the present positions, so that asking for energies costs nothing."""
    return not any(bead._ufvx.tainted() for _, beads in _components(simulation, used=True) for bead in beads)


def _components(simulation: Simulation, *, used: bool = False) -> Iterator[tuple[Any, Any]]:
    """Force field and beads of every component of the forces and the bias; ``used``: without those of weight 0."""
    for system in simulation.syslist:
        for forces in (system.forces, system.ensemble.bias):
            # The displaced beads of the fourth-order integrators are computed besides.
            for each in (forces,) if used else (forces, getattr(forces, "dforces", None)):
                for component in each.mforces if each is not None else ():
                    if used and component.weight == 0:
                        continue
                    # A component of the bias may be a physical one, scaled.
                    component = getattr(component, "bf", component)
                    yield component.ff, component._forces


def components(system: Any) -> Iterator[tuple[ForceField, float, FloatArray]]:
    """Force field, weight in the total energy, and beads (P, 3N) in bohr of every component of forces and bias.

    A contracted component has fewer beads, and its energy is their mean.
    """
    for forces in (system.forces, system.ensemble.bias):
        for component in forces.mforces:
            # Not those that <hamiltonian_weights> make of physical ones.
            if not hasattr(component, "bf"):
                mts = component.mts_weights
                weight = float(component.weight) * (float(np.sum(mts)) if len(mts) else 1.0)
                yield component.ff, weight, np.array(dstrip(component.beads.q), np.float64)


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


def book(simulation: Simulation, jumps: FloatArray) -> None:
    """Take jumps (systems,) of the potential, hartree, out of the conserved quantity.

    i-PI's own replica exchange and metadynamics do the same (``engine/smotion/remd.py``, ``metad.py``).
    """
    for system, jump in zip(simulation.syslist, jumps, strict=True):
        system.ensemble.eens -= jump


def add_bias(simulation: Simulation, name: str, path: str, parameters: dict[str, str]) -> FFDirect:
    """The PES in a Python file as a bias of every system at its centroid; before i-PI binds it.

    A checkpoint has it already: then it gets these parameters.
    """
    known = simulation.fflist.get(name)
    simulation.fflist[name] = field = FFDirect(name=name, pars=dict(parameters), pes="custom", pes_path=path)
    for system in simulation.syslist if known is None else ():
        weights = np.append(dstrip(system.ensemble.bweights), 1.0)
        bias = ForceComponent(name, nbeads=1, name=name, mts_weights=[1.0], interpolate_extras=np.zeros(0, str))
        system.ensemble.bcomp.append(bias)
        system.ensemble._bweights = depend_array(name="bweights", value=weights)
    return field


def relocate_pes(path: str) -> None:
    """Load the PES of this file also where an input names it by where another installation has it."""
    load = forcefields_of_ipi.load_pes
    if getattr(load, "relocates", None) == path:
        return

    def loaded(mode: str, pes_path: str) -> Any:
        same = Path(pes_path).parts[-3:] == Path(path).parts[-3:]
        return load(mode, path if same else pes_path)

    loaded.relocates = path  # type: ignore[attr-defined]
    forcefields_of_ipi.load_pes = loaded


def settle(simulation: Simulation) -> None:
    """Evaluate all forces now, if they are not known: not later, while i-PI writes its outputs.

    A stop that comes while i-PI waits for forces in the middle of its outputs would tear rows apart.
    """
    for system in simulation.syslist:
        float(system.forces.pot), system.forces.f
        float(system.ensemble.bias.pot), system.ensemble.bias.f


def before_appending(action: Callable[[Path], None]) -> None:
    """Call something for each file that i-PI will append to, before it opens it."""
    open_file = outputs.open_backup

    def opened(filename: str, mode: str = "r", *more: Any, **options: Any) -> Any:
        if mode.startswith("a"):
            action(Path(filename))
        return open_file(filename, mode, *more, **options)

    outputs.open_backup = opened


def checkpoints(simulation: Simulation) -> list[CheckpointOutput]:
    """The ``<checkpoint>`` outputs."""
    return [output for output in simulation.outputs if isinstance(output, CheckpointOutput)]


def while_storing(output: CheckpointOutput, before: Callable[[], None], after: Callable[[], None]) -> None:
    """Call something before and after i-PI stores its state for a checkpoint or RESTART."""
    store = output.store

    def stored() -> None:
        before()
        try:
            store()
        finally:
            after()

    output.store = stored


def add_property(system: Any, name: str, dimension: str, help: str, value: Callable[[], float]) -> None:
    """Let ``<properties>`` print something more of a system; before i-PI binds its outputs."""
    system.properties.property_dict[name] = {"dimension": dimension, "help": help, "func": value}


def request_stop() -> None:
    """Ask i-PI to end with a RESTART after its present step, as its own handler of SIGTERM does."""
    softexit._killed = True


def stop_requested() -> bool:
    """Whether i-PI was asked to end, or ends."""
    return bool(softexit.triggered or softexit._killed)


def polling_has_died(simulation: Simulation) -> bool:
    """Whether a thread that talks to drivers has ended although the run goes on."""
    threads = (getattr(field, "_thread", None) for field in forcefields(simulation.fflist.values()))
    return any(thread is not None and not thread.is_alive() for thread in threads)
