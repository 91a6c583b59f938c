"""Templates: the file that says which atom is of which species, in which order."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import redirect_stdout
from io import StringIO
from itertools import takewhile
from pathlib import Path
from typing import Any, TextIO

import ase.io
import numpy as np
from ase import Atoms
from ase.data import atomic_masses, atomic_numbers
from ipi.utils.io import read_file
from numpy.typing import NDArray

from moe_ipi.cell import completed_cell
from moe_ipi.elements import element_symbols, is_element, isotopes, isotopes_in_ase
from moe_ipi.errors import StructureError
from moe_ipi.frames import frames_of
from moe_ipi.units import BOHR

_IPI_CELL = re.compile(r"CELL[(\[{](abcABC|H|GENH)[)\]}]:")
_IPI_POSITIONS = re.compile(r"\bpositions\{[^}]*\}")
#: What makes a comment that of an extended xyz, i-PI's ``format='ase'`` included.
_EXTENDED = re.compile(r"\b(Lattice|Properties)=")
_IPI_UNITS = re.compile(r"\b\w+\{\w*\}")
_LAMMPS_ATOMS = re.compile(r"^\s*\d+\s+atoms\s*$", re.MULTILINE)
_LAMMPS_BOX = re.compile(r"\s(xlo\s+xhi|avec)\b")
_LAMMPS_UNITS = re.compile(r"\bunits\s*=\s*(\w+)")
#: Dalton: how far a mass may be from that of its element. Cobalt and nickel are 0.24 apart.
_MASS = 0.1


def read_template(path: str | Path, what: str = "template") -> Atoms:
    """Read a structure: any file that ASE reads, or the xyz and PDB that i-PI reads and writes (its first frame).

    An xyz file is taken to be i-PI's when its comment line has ``CELL(abcABC):``, ``CELL(H):``, ``CELL(GENH):``
    or ``positions{...}`` and is not that of an extended xyz, as i-PI's ``format='ase'`` writes it; a PDB file, when
    its TITLE has units such as ``positions{...}``.  It is read by i-PI itself and so means what it means in an i-PI
    input: units from the comment line, atomic units (in a PDB, angstrom) where none are given, a general cell
    turned to i-PI's orientation.  With a cell, all three directions are periodic; without one, none.

    Isotopes (``D``, ``C13``, ...) are their elements, in every format.

    Args:
        path: the file.
        what: what errors call it.

    Returns:
        Positions (N, 3) and cell (3, 3, rows are lattice vectors) in A, chemical symbols, periodicity.

    Raises:
        StructureError: the file is missing or unreadable, has no atoms, a label that is not an element (ASE's
            dummy ``X`` included), positions that are not finite, or a periodic direction without a cell.
    """
    path = Path(path)
    if not path.is_file():
        why = "is not a file" if path.exists() else "does not exist"
        raise StructureError(f"the {what} '{path}' {why}; give the path of a structure file")
    try:
        atoms = _read(path)
        if len(atoms) == 0:
            raise StructureError("it has no atoms")
        if "X" in atoms.symbols:
            index = atoms.get_chemical_symbols().index("X")
            raise StructureError(f"the label of atom {index} (counted from 0) is not an element; correct it")
        frames = frames_of(atoms)
        completed_cell(frames.cells[0], frames.pbc)
    except StructureError as error:
        raise StructureError(f"cannot use the {what} '{path}': {error}") from error
    return atoms


def periodicity_note(atoms: Atoms) -> str | None:
    """A line for the user of a template with a cell that is not periodic in all its directions, else ``None``."""
    empty = [name for name, row, periodic in zip("abc", atoms.cell, atoms.pbc, strict=True) if row.any() > periodic]
    if not empty:
        return None
    return (
        f"the template has a cell but is not periodic along {', '.join(empty)} (its pbc flags): drivers with this "
        'template take it so; write pbc="T T T" if those directions are meant to be periodic'
    )


def _read(path: Path) -> Atoms:
    first, second, head = _beginning(path)
    if first.strip().isdigit() and not _EXTENDED.search(second):
        if _IPI_CELL.search(second) or _IPI_POSITIONS.search(second):
            return _read_ipi(path, "xyz", periodic=bool(_IPI_CELL.search(second)))
    elif first.startswith("TITLE") and _IPI_UNITS.search(first):
        return _read_ipi(path, "pdb", periodic=True)
    elif _LAMMPS_ATOMS.search(head) and _LAMMPS_BOX.search(head):
        return _read_lammps_data(path)
    return _read_ase(path)


def _beginning(path: Path) -> tuple[str, str, str]:
    """The first line, the second, and some thousand characters."""
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            first, second = file.readline(10_000), file.readline(10_000)
            return first, second, first + second + file.read(4_000)
    except OSError as error:
        raise StructureError(f"{error.strerror or error}") from error


def _read_ipi(path: Path, mode: str, *, periodic: bool) -> Atoms:
    """An xyz or PDB as i-PI reads it; ``periodic``: it has a cell."""
    try:
        with path.open(encoding="utf-8") as file:
            return read_ipi_frame(file, mode, periodic=periodic)
    except (OSError, UnicodeDecodeError) as error:
        raise StructureError(f"not readable as an i-PI {mode} file: {_one_line(error)}") from error


def read_ipi_frame(file: TextIO, mode: str, *, periodic: bool) -> Atoms:
    """The next frame of an open file, as i-PI reads it, in A.

    Args:
        file: at the beginning of a frame.
        mode: i-PI's name of the format, ``"xyz"`` or ``"pdb"``.
        periodic: the frame has a cell.

    Raises:
        StructureError: it is no such frame, ends too early, or has a label that is not an element.
    """
    try:
        # i-PI prints its warnings; what is wrong is said below.
        with redirect_stdout(StringIO()):
            content = read_file(mode, file, dimension="length")
        names = [str(name) for name in content["atoms"].names]
        if "" in names:
            raise ValueError(f"it ends after {names.index('')} of the {len(names)} atoms that its first line announces")
        positions = np.array(content["atoms"].q).reshape(-1, 3) * BOHR
        cell = np.array(content["cell"].h).T * BOHR
    # i-PI's reader does not say what it raises: anything from IndexError to LinAlgError.
    except Exception as error:
        raise StructureError(f"not readable as an i-PI {mode} file: {_one_line(error)}") from error
    symbols = element_symbols(names)
    for index, symbol in enumerate(symbols):
        if not is_element(symbol):
            raise StructureError(f"the label '{symbol}' of atom {index} (counted from 0) is not an element; correct it")
    return Atoms(symbols, positions=positions, cell=cell if periodic else None, pbc=periodic)


def _read_ase(path: Path, **options: Any) -> Atoms:
    try:
        try:
            atoms = ase.io.read(path, index=0, do_not_split_by_at_sign=True, **options)
        except KeyError as error:
            if not error.args or error.args[0] not in isotopes():
                raise
            with isotopes_in_ase():
                atoms = ase.io.read(path, index=0, do_not_split_by_at_sign=True, **options)
    # Each of ASE's many formats fails in its own way, StopIteration and KeyError included.
    except Exception as error:
        raise StructureError(
            f"ASE cannot read it: {_one_line(error)}; write it as extended xyz, for example"
        ) from error
    assert isinstance(atoms, Atoms)  # one index, one structure
    quantities = _IPI_UNITS.findall(str(atoms.info.get("ipi_comment", "")))
    if quantities and not any(quantity.startswith("positions{") for quantity in quantities):
        raise StructureError(f"it holds {quantities[0]} and no positions; give i-PI's trajectory of positions")
    return atoms


def _read_lammps_data(path: Path) -> Atoms:
    """A data file of LAMMPS: ASE needs its style, and would take the nearest element for any mass."""
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    style = next((line.partition("#")[2].split() for line in lines if line.split("#")[0].strip() == "Atoms"), [])
    if not style:
        raise StructureError(
            "a LAMMPS data file must say its atom style: write 'Atoms # atomic' (or charge, full, ...) instead of "
            "'Atoms' in it"
        )
    units = _LAMMPS_UNITS.search(lines[0])
    options = {"format": "lammps-data", "atom_style": style[0], "Z_of_type": _elements_of_types(lines)}
    return _read_ase(path, **options, units=units.group(1) if units else "metal")


def _elements_of_types(lines: Sequence[str]) -> dict[int, int]:
    """The atomic number of every type of a LAMMPS data file, by its name or its mass."""
    masses, labels = _lammps_section(lines, "Masses"), _lammps_section(lines, "Atom Type Labels")
    if not (masses or labels):
        raise StructureError("a LAMMPS data file must say which element a type is: give it a section Masses")
    names = {fields[0]: fields[1] for fields, _ in labels}
    numbers = {}
    for fields, comment in masses or labels:
        kind, words = fields[0], comment.split()
        # Of a comment of several words the first may be a word like any other.
        written = [names.get(kind, ""), words[0] if len(words) == 1 else "", kind]
        symbols = [symbol for symbol in element_symbols(written) if is_element(symbol)]
        number = atomic_numbers[symbols[0]] if symbols else _element_of_mass(float(fields[1]) if masses else -1.0)
        if number is None:
            raise StructureError(
                f"type {kind} of this LAMMPS data file is no element by its name or mass: write its symbol behind "
                f"it in the section Masses, such as '{' '.join(fields[:2])} # Pt'"
            )
        numbers[kind] = number
    by_name = {label: kind for kind, label in names.items()}
    return {int(by_name.get(kind, kind)): number for kind, number in numbers.items()}


def _element_of_mass(mass: float) -> int | None:
    nearest = int(np.argmin(abs(atomic_masses - mass)))
    return nearest if nearest and abs(atomic_masses[nearest] - mass) < _MASS else None


def _lammps_section(lines: Sequence[str], title: str) -> list[tuple[list[str], str]]:
    """The fields and the comment of every line of a section."""
    content = [line.partition("#")[0].strip() for line in lines]
    if title not in content:
        return []
    start = content.index(title) + 1
    while start < len(lines) and not content[start]:
        start += 1
    body = takewhile(str.strip, lines[start:])
    return [(line.partition("#")[0].split(), line.partition("#")[2]) for line in body]


def _one_line(error: Exception) -> str:
    text = " ".join(str(error).split())
    name = type(error).__name__
    return (f"{name}: {text}" if text else name)[:300]


def write_ipi_xyz(
    path: Path, species: Sequence[str], positions: NDArray[np.float64], cell: NDArray[np.float64], unit: str
) -> None:
    """Write i-PI's own xyz with all digits.

    Args:
        path: the file.
        species: N labels.
        positions: (N, 3).
        cell: (3, 3), columns are lattice vectors, as i-PI has them; left out if it is zero.
        unit: of positions and cell, as i-PI names it: ``"angstrom"`` or ``"atomic_unit"``.

    Raises:
        OSError: the file cannot be written.
    """
    comment = f"# positions{{{unit}}} cell{{{unit}}}"
    if np.any(cell):
        comment = f"# CELL(H): {' '.join(f'{x:.17e}' for x in np.ravel(cell))} positions{{{unit}}} cell{{{unit}}}"
    rows = (f"{s} {x:.17e} {y:.17e} {z:.17e}" for s, (x, y, z) in zip(species, positions, strict=True))
    path.write_text("\n".join([str(len(species)), comment, *rows]) + "\n", encoding="utf-8")
