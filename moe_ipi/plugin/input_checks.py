"""What in an i-PI input drivers of moe_ipi cannot serve, and what in it deserves a line.

Everything is in terms of a loaded simulation; :mod:`moe_ipi.plugin.ipi_input` raises and keeps what is found here.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree

import ase.io
import numpy as np
from ase import Atoms
from ipi.engine.outputs import CheckpointOutput, PropertyOutput, TrajectoryOutput

from moe_ipi.plugin import engine
from moe_ipi.plugin.shares import full_energy
from moe_ipi.typing import FloatArray

if TYPE_CHECKING:
    from ipi.engine.simulation import Simulation

#: i-PI's default of ``<activelist>``: all atoms.
_ALL = -1
_TAGS = {CheckpointOutput: "checkpoint", PropertyOutput: "properties", TrajectoryOutput: "trajectory"}
_GENERAL_CELL = re.compile(r"CELL[(\[{]GENH[)\]}]:([-+0-9.Ee ]*)")


#: i-PI needs a cell, also for a molecule.  Where a file has none it takes -1 for each length (``utils/io``), and
#: refuses that only if the comment of an xyz does not say the unit of the cell.
NO_CELL = (
    "the structure to start from has no cell: give it one, such as '# CELL(abcABC): 20 20 20 90 90 90' in the comment "
    "of an xyz; an isolated molecule needs vacuum around it, wider than the cutoff of the experts"
)


def problem(simulation: Simulation) -> str | None:
    """Why this input cannot be run with drivers of moe_ipi, and what to do; ``None`` if it can."""
    for system in simulation.syslist:
        cell = np.array(system.cell.h, np.float64)
        # Of zero lengths i-PI makes a matrix that is not finite.
        if not (np.isfinite(cell).all() and np.linalg.det(cell) > 0):
            return NO_CELL
    for output in simulation.outtemplate:
        if int(output.stride) < 1:
            what = f"the <{_TAGS[type(output)]}> '{output.filename}'"
            return f"{what} has the stride {output.stride}: give it one of 1 or more"
    for field in engine.sockets(simulation.fflist.values()):
        if int(np.ravel(field.active)[0]) != _ALL:
            return (
                f"the <ffsocket> '{field.name}' has an <activelist>: drivers would get a part of the atoms, and the "
                "experts need all of them; remove it (<fixatoms> in <motion> keeps atoms in place)"
            )
    return None


def extended_as_xyz(path: Path, directory: Path) -> str | None:
    """The name of an extended xyz that an input wants to be read as i-PI's own xyz, which has no ``Lattice``."""
    try:
        named = [(element.text or "").strip() for element in ElementTree.parse(path).iter() if _is_xyz(element)]
    except ElementTree.ParseError:
        return None
    for name in named:
        if (directory / name).is_file():
            with (directory / name).open(encoding="utf-8", errors="replace") as file:
                file.readline()
                if "Lattice=" in file.readline():
                    return name
    return None


def _is_xyz(element: ElementTree.Element) -> bool:
    return element.tag in ("file", "cell") and element.get("mode") == "xyz"


def locked(simulation: Simulation) -> tuple[str, ...]:
    """The ``<ffsocket>``s with ``matching='lock'``, which keep their drivers for their own beads."""
    fields = engine.sockets(simulation.fflist.values())
    return tuple(field.name for field in fields if field.socket.match_mode == "lock")


def full_energy_note(simulation: Simulation) -> str | None:
    """A line if several components of the forces of a system carry the full energy, and it would count twice."""
    for system in simulation.syslist:
        total, names = 0.0, []
        for component in system.fcomp:
            weight = float(component.weight) * float(np.sum(component.mts_weights))
            share = weight * full_energy(simulation.fflist[component.ffield])
            total += share
            if share != 0.0:
                names.append(component.ffield)
        if len(names) > 1 and total > 1.0 + 1e-6:
            return (
                f"the forces {', '.join(map(repr, names))} each carry the full energy, and their weights sum to "
                f"{total:g}: the potential will be about {total:g} times that of the experts; give them weights, or "
                "<parameters> with moe_hamiltonian: bulk and moe_hamiltonian: correction, if that is not meant"
            )
    return None


def initial_structures(simulation: Simulation, directory: Path) -> tuple[list[str], list[str]]:
    """What i-PI changes in the structures that it starts from.

    Args:
        simulation: loaded.
        directory: where i-PI runs.

    Returns:
        The names of files whose cell i-PI turns into its own orientation (a along x, b in the xy plane), and lines
        about files that say they are not periodic.
    """
    turned, notes = [], []
    sources = [source for system in simulation.syslist for kind, source in system.init.queue if kind == "cell"]
    for name, mode in dict.fromkeys((str(source.value).strip(), source.mode) for source in sources):
        if mode == "ase":
            atoms = _read_ase(directory / name)
            turned += [name] if atoms.pbc.all() and _is_general(atoms.cell.array) else []
            notes += _flags_note(name, atoms)
        elif mode == "xyz":
            with (directory / name).open(encoding="utf-8", errors="replace") as file:
                found = _GENERAL_CELL.search(file.readline() + file.readline())
            if found is not None:
                turned += [name] if _is_general(np.array(found.group(1).split()[:9], float).reshape(3, 3)) else []
    return turned, notes


def _read_ase(path: Path) -> Atoms:
    """As i-PI reads it, before it turns the cell."""
    try:
        atoms = ase.io.read(path, index=0, do_not_split_by_at_sign=True)
    except ase.io.formats.UnknownFileTypeError:
        atoms = ase.io.read(path, index=0, format="extxyz")
    assert isinstance(atoms, Atoms)  # one index, one structure
    return atoms


def _is_general(cell: FloatArray) -> bool:
    """Whether a cell, rows are lattice vectors, has another orientation than i-PI's."""
    return bool((abs(np.triu(cell, 1)) > 1e-3).any() or (np.diag(cell) < 0).any())


def _flags_note(name: str, atoms: Atoms) -> list[str]:
    empty = [axis for axis, row, flag in zip("abc", atoms.cell.array, atoms.pbc, strict=True) if row.any() and not flag]
    if not empty:
        return []
    return [
        f"'{name}' says that it is not periodic along {', '.join(empty)}, but i-PI knows no such flags: with its cell, "
        "all directions are periodic here (make the cell wide enough)"
    ]
