"""Cells of a crystal from a file, made anew for every step of a training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import ase.io
from ase import Atoms

from moe_ipi.cotraining import UnlabelledCells


class CellsOfFile(UnlabelledCells):
    """Strained crystals, perfect and rattled, of a structure file instead of a lattice with one atom.

    Args:
        structure: a file with a primitive cell.
        type_names: the models' type names.
        options: of :class:`moe_ipi.cotraining.UnlabelledCells`.
    """

    def __init__(self, structure: str | Path, type_names: list[str], **options: Any) -> None:
        atoms = ase.io.read(structure, do_not_split_by_at_sign=True)
        assert isinstance(atoms, Atoms)  # one structure
        super().__init__(atoms.get_chemical_symbols()[0], "sc", 1.0, type_names, **options)
        self._unit = Atoms(atoms.numbers, atoms.positions, cell=atoms.cell, pbc=True)
