"""The files of a run: which there are, and the frames in them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from glob import escape
from io import StringIO
from itertools import islice
from pathlib import Path
from typing import TypeVar

import ase.io
import numpy as np
from ase import Atoms

from moe_ipi.errors import MoEError, StructureError
from moe_ipi.structure import read_ipi_frame
from moe_ipi.typing import BoolArray

#: What i-PI calls the positions of beads, and their mean.
POSITIONS, CENTROID = "positions", "x_centroid"
_QUANTITY = re.compile(rf"\b({POSITIONS}|{CENTROID})\{{\w*\}}")
_STEP = re.compile(r"\bStep:\s*(\d+)")
_BEAD = re.compile(r"\bBead:\s*(\d+)")
_EXTRAS = re.compile(r"#EXTRAS\(([^)]*)\)#")
#: Ends of names: i-PI's format='xyz' and format='ase'.
_FORMATS = (".xyz", ".extxyz")
_ASSIGNMENT = "moe_assignment"


class TrajectoryError(MoEError):
    """The files of a run cannot be joined."""


T = TypeVar("T")


@dataclass(frozen=True)
class Track:
    """One ``<trajectory>`` of the input.

    Attributes:
        name: its ``filename``.
        quantity: ``"positions"`` or ``"x_centroid"``.
        files: by the bead; the centroid is one file.
    """

    name: str
    quantity: str
    files: dict[int, Path]


def find_tracks(prefix: Path) -> list[Track]:
    """The trajectories of positions and centroids in xyz and extxyz (i-PI's ``format='ase'``), by their names.

    Raises:
        TrajectoryError: a file cannot be read.
    """
    tracks: dict[str, Track] = {}
    for path in _files(prefix):
        if path.suffix not in _FORMATS:
            continue
        first = _head(path)
        quantity, bead = _QUANTITY.search(first), _BEAD.search(first)
        # Without a step it is none of i-PI's trajectories, but a structure such as PREFIX.template.xyz.
        if not (quantity and bead and _STEP.search(first)):
            continue
        name = path.stem.removeprefix(f"{prefix.name}.")
        if quantity[1] == POSITIONS:
            name = re.sub(r"_\d+$", "", name)
        tracks.setdefault(name, Track(name, quantity[1], {})).files[int(bead[1])] = path
    return list(tracks.values())


def find_extras(prefix: Path) -> dict[int, Path]:
    """The files with the assignment among i-PI's extras, by the bead; of several one.

    Raises:
        TrajectoryError: a file cannot be read.
    """
    found: dict[int, Path] = {}
    for path in _files(prefix):
        bead = re.search(r"_(\d+)$", path.name)
        kind = _EXTRAS.search(_head(path)) if bead else None
        if bead and kind and _ASSIGNMENT in map(str.strip, kind[1].split(",")):
            found.setdefault(int(bead[1]), path)
    return found


def systems_with(prefix: Path) -> list[str]:
    """The prefixes of systems that have trajectories of their own: replicas, for example."""
    paths = prefix.parent.glob(f"*_{escape(prefix.name)}.*")
    return sorted({path.name[: path.name.index(f"_{prefix.name}.")] + f"_{prefix.name}" for path in paths})


def _files(prefix: Path) -> list[Path]:
    return sorted(path for path in prefix.parent.glob(f"{escape(prefix.name)}.*") if path.is_file())


def _head(path: Path) -> str:
    """The first two lines."""
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            return file.readline(10_000) + file.readline(10_000)
    except OSError as error:
        raise TrajectoryError(f"cannot read '{path}': {error.strerror or error}") from error


def frames(path: Path, note: Callable[[str], None]) -> Iterator[tuple[int, Atoms]]:
    """The frames of a file of positions or centroids: the number of steps done, and N atoms (A).

    A last one that was cut short (of a run that was killed, or still writes) is left out, and ``note`` told.

    Raises:
        TrajectoryError: it is no such file, or its steps do not ascend.
    """
    return _ascending(_frames(path, note), path)


def _frames(path: Path, note: Callable[[str], None]) -> Iterator[tuple[int, Atoms]]:
    with path.open(encoding="utf-8") as file:
        while count := file.readline():
            comment = file.readline()
            if not count.strip().isdecimal():
                raise TrajectoryError(
                    f"'{path}' has '{count.strip()[:40]}' where a number of atoms should be: repair it"
                )
            body = list(islice(file, int(count)))
            if len(body) < int(count) or not body[-1].endswith("\n"):
                note(f"the last frame of '{path.name}' was cut short, and is left out")
                return
            step = _STEP.search(comment)
            if step is None or not _QUANTITY.search(comment):
                raise TrajectoryError(f"a frame of '{path}' has no step or no positions: '{comment.strip()[:60]}'")
            try:
                yield int(step[1]), _structure(StringIO("".join((count, comment, *body))), path)
            except StructureError as error:
                raise TrajectoryError(f"step {step[1]} of '{path}': {error}") from error


def _structure(text: StringIO, path: Path) -> Atoms:
    if path.suffix == ".xyz":
        return read_ipi_frame(text, "xyz", periodic=True)
    try:
        atoms = ase.io.read(text, format="extxyz")
    except Exception as error:
        raise StructureError(f"ASE cannot read it: {error}") from error
    assert isinstance(atoms, Atoms)
    # i-PI's format='ase' leaves the positions zero where it writes something else.
    return Atoms(atoms.symbols, positions=atoms.arrays.get(CENTROID, atoms.positions), cell=atoms.cell, pbc=atoms.pbc)


def extras(path: Path, natoms: int) -> Iterator[tuple[int, BoolArray]]:
    """Steps and assignments (N,) bool from a file of extras that has ``moe_assignment`` among them.

    Raises:
        TrajectoryError: the assignment cannot be found in it, or its steps do not ascend.
    """
    return _ascending(_extras(path, natoms), path)


def _extras(path: Path, natoms: int) -> Iterator[tuple[int, BoolArray]]:
    with path.open(encoding="utf-8") as file:
        while head := file.readline():
            values = file.readline()
            if not values.endswith("\n"):
                return  # cut short: other rows say enough
            kind, step = _EXTRAS.search(head), _STEP.search(head)
            columns = _columns(kind[1], natoms) if kind else None
            numbers = values.split()
            if step is None or columns is None or len(numbers) < columns.stop:
                raise TrajectoryError(
                    f"cannot find the assignment of {natoms} atoms in '{path}': let a <trajectory> of extras hold "
                    f"extra_type='{_ASSIGNMENT}' alone, or move the file away"
                )
            yield int(step[1]), np.array(numbers[columns], dtype=float) != 0.0


def _ascending(rows: Iterator[tuple[int, T]], path: Path) -> Iterator[tuple[int, T]]:
    last = -1
    for step, row in rows:
        if step <= last:
            # Under `moe-ipi run` such rows are cut before more are written.
            raise TrajectoryError(
                f"'{path}' has step {step} after step {last}: plain i-pi has continued a checkpoint, and left what "
                "was beyond it; remove the rows that were written twice"
            )
        last = step
        yield step, row


def _columns(kinds: str, natoms: int) -> slice | None:
    """Which numbers of a row are the assignment; ``None`` if it stands behind something of unknown length."""
    lengths = {"moe_n_complex": 1, "moe_atom_energies": natoms, "moe_disagreement": natoms}
    start = 0
    for kind in map(str.strip, kinds.split(",")):
        if kind == _ASSIGNMENT:
            return slice(start, start + natoms)
        if kind not in lengths:
            return None
        start += lengths[kind]
    return None
