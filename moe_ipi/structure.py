"""Templates: the file that says which atom is of which species, in which order."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

import ase.io
import numpy as np
from ase import Atoms
from ipi.utils.io import read_file
from numpy.typing import NDArray

from moe_ipi.cell import completed_cell
from moe_ipi.elements import element_symbols, is_element
from moe_ipi.errors import StructureError
from moe_ipi.frames import frames_of
from moe_ipi.units import BOHR

_IPI_CELL = re.compile(r"CELL[(\[{](abcABC|H|GENH)[)\]}]:")
_IPI_POSITIONS = re.compile(r"\bpositions\{[^}]*\}")


def read_template(path: str | Path) -> Atoms:
    """Read a structure: any file that ASE reads, or the xyz that i-PI reads and writes (its first frame).

    An xyz file is taken to be i-PI's when its comment line has ``CELL(abcABC):``, ``CELL(H):``, ``CELL(GENH):``
    or ``positions{...}``.  It is read by i-PI itself and so means what it means in an i-PI input: units from
    the comment line, atomic units where none are given, a general cell turned to i-PI's orientation.  With a cell, all
    three directions are periodic; without one, none.

    Args:
        path: the file.

    Returns:
        Positions (N, 3) and cell (3, 3, rows are lattice vectors) in A, chemical symbols, periodicity.

    Raises:
        StructureError: the file is missing or unreadable, has no atoms, a label that is not an element (ASE's
            dummy ``X`` included), positions that are not finite, or a periodic direction without a cell.
    """
    path = Path(path)
    if not path.is_file():
        what = "is not a file" if path.exists() else "does not exist"
        raise StructureError(f"the template '{path}' {what}; give the path of a structure file")
    try:
        atoms = _read_ipi_xyz(path) if _is_ipi_xyz(path) else _read_ase(path)
        if len(atoms) == 0:
            raise StructureError("it has no atoms")
        if "X" in atoms.symbols:
            index = atoms.get_chemical_symbols().index("X")
            raise StructureError(f"the label of atom {index} (counted from 0) is not an element; correct it")
        frames = frames_of(atoms)
        completed_cell(frames.cells[0], frames.pbc)
    except StructureError as error:
        raise StructureError(f"cannot use the template '{path}': {error}") from error
    return atoms


def _is_ipi_xyz(path: Path) -> bool:
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            count, comment = file.readline(100).strip(), file.readline(10_000)
    except OSError as error:
        raise StructureError(f"{error.strerror or error}") from error
    return count.isdigit() and bool(_IPI_CELL.search(comment) or _IPI_POSITIONS.search(comment))


def _read_ipi_xyz(path: Path) -> Atoms:
    try:
        # i-PI prints its warnings; what is wrong is said below.
        with path.open(encoding="utf-8") as file, redirect_stdout(StringIO()):
            content = read_file("xyz", file, dimension="length")
        names = [str(name) for name in content["atoms"].names]
        if "" in names:
            raise ValueError(f"it ends after {names.index('')} of the {len(names)} atoms that its first line announces")
        positions = np.array(content["atoms"].q).reshape(-1, 3) * BOHR
        cell = np.array(content["cell"].h).T * BOHR
    # i-PI's reader does not say what it raises: anything from IndexError to LinAlgError.
    except Exception as error:
        raise StructureError(f"not readable as an i-PI xyz file: {_one_line(error)}") from error
    symbols = element_symbols(names)
    for index, symbol in enumerate(symbols):
        if not is_element(symbol):
            raise StructureError(f"the label '{symbol}' of atom {index} (counted from 0) is not an element; correct it")
    if not _IPI_CELL.search(content["comment"]):
        return Atoms(symbols, positions=positions)
    return Atoms(symbols, positions=positions, cell=cell, pbc=True)


def _read_ase(path: Path) -> Atoms:
    try:
        atoms = ase.io.read(path, index=0, do_not_split_by_at_sign=True)
    # Each of ASE's many formats fails in its own way, StopIteration and KeyError included.
    except Exception as error:
        raise StructureError(f"ASE cannot read it: {_one_line(error)}") from error
    assert isinstance(atoms, Atoms)  # one index, one structure
    return atoms


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
