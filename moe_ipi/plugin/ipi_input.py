"""What ``moe-ipi run`` must know of an i-PI input, read by i-PI itself so that it means what it means there."""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from moe_ipi.driver.address import Server
from moe_ipi.errors import MoEError
from moe_ipi.plugin import bias_pes, engine, input_checks

if TYPE_CHECKING:
    from ipi.engine.simulation import Simulation


class InputError(MoEError):
    """i-PI's input cannot be run by ``moe-ipi run``."""


@dataclass(frozen=True)
class IPIInput:
    """The part of an i-PI input that concerns the drivers.

    Attributes:
        path: absolute path of the input, a RESTART or a checkpoint.
        servers: name of every ``<ffsocket>``, and where i-PI will listen for its drivers; at least one.
        prefix: i-PI's prefix of output files.
        step: the step the run starts from; 0 is a new run.
        total_steps: the step at which it ends.
        species: N labels, in i-PI's order of atoms.
        positions: (N, 3), bohr: the first bead where all are the same, else the centroid.
        cell: (3, 3), bohr, columns are lattice vectors.
        checkpoint_strides: of its ``<checkpoint>`` outputs.
        dynamics: whether all its systems move by molecular dynamics.
        locked: names of the ``<ffsocket>``s with ``matching='lock'``.
        turned: names of the files that it starts from whose cell i-PI turns into its own orientation.
        notes: lines for the user about what is allowed but perhaps not meant.
    """

    path: Path
    servers: tuple[tuple[str, Server], ...]
    prefix: str
    step: int
    total_steps: int
    species: tuple[str, ...]
    positions: NDArray[np.float64]
    cell: NDArray[np.float64]
    checkpoint_strides: tuple[int, ...] = ()
    dynamics: bool = True
    locked: tuple[str, ...] = ()
    turned: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


class _Loaded(Exception):
    """Carries the simulation out of i-PI's loader, before it opens files and sockets."""

    def __init__(self, simulation: Simulation) -> None:
        super().__init__()
        self.simulation = simulation


def read_input(path: str | Path, directory: str | Path) -> IPIInput:
    """Read an input without starting anything.

    Args:
        path: i-PI's input, a RESTART or a checkpoint.
        directory: where i-PI will run; names of files in the input are relative to it.

    Raises:
        InputError: the file is missing, is no i-PI input, i-PI refuses it, it has no ``<ffsocket>``, two of them at one
            address, one with an ``<activelist>``, or an output has a stride below 1.
    """
    path = Path(path).resolve()
    _check_file(path)
    simulation = _load(path, Path(directory))
    servers = _servers(simulation, path)
    problem = input_checks.problem(simulation)
    if problem is not None:
        raise InputError(f"in '{path.name}' {problem}")
    if simulation.tsteps <= simulation.step:
        raise InputError(
            f"'{path.name}' has already run its {simulation.tsteps} steps; raise <total_steps> in it to continue"
        )
    system = simulation.syslist[0]
    species = tuple(str(name) for name in system.beads.names)
    for other in simulation.syslist[1:]:
        if tuple(str(name) for name in other.beads.names) != species:
            raise InputError(f"the systems of '{path.name}' have different atoms; drivers need the same atoms in all")
    beads = np.array(system.beads.q, np.float64)
    strides, dynamics = schedule_of(simulation)
    turned, notes = input_checks.initial_structures(simulation, Path(directory))
    twice = input_checks.full_energy_note(simulation)
    positions = beads[0] if (beads == beads[0]).all() else beads.mean(axis=0)
    return IPIInput(
        path=path,
        servers=servers,
        prefix=simulation.outtemplate.prefix or "moe-ipi",
        step=int(simulation.step),
        total_steps=int(simulation.tsteps),
        species=species,
        positions=positions.reshape(-1, 3),
        cell=np.array(system.cell.h, np.float64),
        checkpoint_strides=strides,
        dynamics=dynamics,
        locked=input_checks.locked(simulation),
        turned=tuple(turned),
        notes=(*notes, *([twice] if twice is not None else [])),
    )


def _check_file(path: Path) -> None:
    if not path.is_file():
        what = "is not a file" if path.exists() else "does not exist"
        raise InputError(f"the input '{path}' {what}; give the path of an i-PI input")
    if path.suffix == ".json":
        return
    try:
        root = ElementTree.parse(path).getroot()
    except (ElementTree.ParseError, UnicodeDecodeError) as error:
        raise InputError(f"'{path}' is not XML: {error}; correct it") from error
    except OSError as error:
        raise InputError(f"cannot read the input '{path}': {error.strerror or error}") from error
    if root.tag != "simulation":
        raise InputError(f"'{path}' is not an i-PI input: its root is <{root.tag}>, not <simulation>")


def _load(path: Path, directory: Path) -> Simulation:
    from ipi.engine.simulation import Simulation

    def stop(simulation: Simulation) -> None:
        raise _Loaded(simulation)

    engine.relocate_pes(bias_pes.__file__)
    try:
        # i-PI prints what it does; the same lines will stand in the log of the run.
        with contextlib.chdir(directory), path.open() as file, _silence(), _without_plumed():
            Simulation.load_from_xml(file, post_init_hook=stop)
    except _Loaded as loaded:
        return loaded.simulation
    except FileNotFoundError as error:
        raise InputError(
            f"'{path.name}' names the file '{error.filename}', which is not in '{directory}'; "
            "run it in the folder where that file is, or correct the name"
        ) from error
    # i-PI raises anything for a wrong input, SystemExit included.
    except (Exception, SystemExit) as error:
        raise InputError(
            f"i-PI refuses '{path.name}': {one_line(error)}{_hint(str(error), path, directory)}"
        ) from error
    raise AssertionError("i-PI did not call the hook")


def _hint(message: str, path: Path, directory: Path) -> str:
    """What is behind something that i-PI says."""
    if "initialize the masses" in message:
        # It takes them from the labels.
        return " (is every label an element?)"
    if "initialize the cell" in message or message.startswith("Cannot rotate: norm"):
        name = input_checks.extended_as_xyz(path, directory)
        return f": '{name}' is an extended xyz, write <file mode='ase'>" if name else f": {input_checks.NO_CELL}"
    return ""


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@contextlib.contextmanager
def _without_plumed() -> Iterator[None]:
    """PLUMED opens its output files as soon as i-PI has read an ``<ffplumed>``; here nothing may be started."""
    from importlib.util import find_spec

    from ipi.engine.forcefields import ForceField
    from ipi.inputs import forcefields

    class FFPlumed(ForceField):
        def __init__(self, name: str = "", **options: object) -> None:
            if find_spec("plumed") is None:
                raise RuntimeError("<ffplumed> needs PLUMED's Python package: pip install plumed")
            super().__init__(name=name)

    original = forcefields.FFPlumed
    forcefields.FFPlumed = FFPlumed
    try:
        yield
    finally:
        forcefields.FFPlumed = original


def one_line(error: BaseException) -> str:
    """An exception of i-PI in one line."""
    text = " ".join(str(error).split())[:300]
    return text if isinstance(error, (ValueError, RuntimeError)) and text else f"{type(error).__name__}: {text}"


def schedule_of(simulation: Simulation) -> tuple[tuple[int, ...], bool]:
    """What decides when the assignment may change, see :func:`moe_ipi.plugin.schedule.segment_steps`.

    Args:
        simulation: loaded, bound or not.

    Returns:
        The stride of every ``<checkpoint>``, and whether the atoms of all systems move by molecular dynamics, and by
        nothing else.
    """
    from ipi.engine.outputs import CheckpointOutput

    strides = tuple(int(output.stride) for output in simulation.outtemplate if isinstance(output, CheckpointOutput))
    return strides, all(_is_dynamics(system.motion) for system in simulation.syslist)


def _is_dynamics(motion: Any) -> bool:
    from ipi.engine.motion import Dynamics, MultiMotion

    if isinstance(motion, MultiMotion):
        return all(_is_dynamics(each) for each in motion.mlist)
    return isinstance(motion, Dynamics)


def _servers(simulation: Simulation, path: Path) -> tuple[tuple[str, Server], ...]:
    fields = list(engine.forcefields(simulation.fflist.values()))
    servers: list[tuple[str, Server]] = []
    for field in fields:
        if not hasattr(field, "socket"):
            continue
        socket = field.socket
        unix = socket.mode in ("unix", "shm")
        server = Server(
            address=socket.address,
            port=None if unix else socket.port,
            shm=socket.mode == "shm",
            prefix=simulation.sockets_prefix,
        )
        for name, other in servers:
            if (other.address, other.port) == (server.address, server.port):
                raise InputError(
                    f"the <ffsocket>s '{name}' and '{field.name}' of '{path.name}' have the same address: give each "
                    f"its own <{'address' if unix else 'port'}>"
                )
        servers.append((field.name, server))
    if not servers:
        kinds = ", ".join(sorted({type(ff).__name__.lower() for ff in fields})) or "no force field"
        raise InputError(
            f"'{path.name}' has no <ffsocket> but {kinds}, so it needs no drivers: run it with i-pi {path.name}"
        )
    return tuple(servers)
