"""The crystal on which both experts must agree: of one element, or any that a file holds."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.build import bulk

from moe_ipi.cell import heights
from moe_ipi.config import ValidationConfig
from moe_ipi.errors import MoEError, StructureError
from moe_ipi.structure import read_template

#: A: by so much the atoms of a file may be off the places of their symmetry.
_OFF = 0.01
#: Centring of the cubic cells, by the lattice of one element.
_CENTRING = {"fcc": "F", "diamond": "F", "bcc": "I"}
#: Space groups from this number on are cubic.
_CUBIC = 195


@dataclass(frozen=True)
class Crystal:
    """A perfect crystal, or nearly.

    Attributes:
        unit: the conventional cell, in standard orientation, periodic in three dimensions.
        centring: ``P``, ``I`` or ``F`` of a cubic crystal; ``None``: it is not cubic.
        lattice: ``fcc``, ``bcc`` or ``diamond`` of one element; ``None``: the crystal is from a file.
        name: for the reader.
    """

    unit: Atoms
    centring: str | None
    lattice: str | None
    name: str

    @cached_property
    def elements(self) -> list[str]:
        """Its elements, each once, in the order of the cell."""
        return list(dict.fromkeys(self.unit.get_chemical_symbols()))


def crystal_of(config: ValidationConfig) -> Crystal:
    """The crystal that a ``[validation]`` table names.

    Raises:
        StructureError: its file cannot be read, or does not hold a crystal.
        MoEError: a file is given, and spglib, which finds its symmetry, is not installed.
    """
    if config.crystal is not None:
        return _of_file(config.crystal)
    assert config.element is not None and config.lattice_parameter is not None, "a table without a file names both"
    lattice = config.lattice
    unit = bulk(config.element, lattice, a=config.lattice_parameter, cubic=True)
    name = f"{lattice} {config.element}, lattice parameter near {config.lattice_parameter:g} Å"
    return Crystal(unit, _CENTRING[lattice], lattice, name)


def _of_file(path: Path) -> Crystal:
    try:
        import spglib
    except ImportError as error:
        raise MoEError("a crystal from a file needs spglib; pip install 'moe-ipi[validation]'") from error
    atoms = read_template(path, "crystal")
    if not atoms.pbc.all():
        raise StructureError(
            f"the crystal '{path}' is not periodic in three dimensions; give one cell of it, with its lattice vectors"
        )
    found = _asked(spglib.get_symmetry_dataset, atoms)
    if found is None:
        raise StructureError(
            f"the crystal '{path}' has atoms in one place, or none of the symmetry of a crystal; give one cell of it"
        )
    numbers = np.asarray(found.std_types)
    unit = Atoms(numbers, cell=found.std_lattice, scaled_positions=found.std_positions, pbc=True)
    centring = str(found.international)[0] if found.number >= _CUBIC else None
    a = unit.cell.lengths()[0]
    name = f"{unit.get_chemical_formula()}, {found.international}, first lattice vector near {a:.4g} Å; {path}"
    return Crystal(unit, centring, None, name)


def primitive(unit: Atoms) -> Atoms:
    """The primitive cell of a conventional cell, in the same orientation.

    Needs spglib, as :func:`crystal_of` a file does.
    """
    import spglib

    lattice, positions, numbers = _asked(spglib.standardize_cell, unit, to_primitive=True, no_idealize=True)
    return Atoms(numbers, cell=lattice, scaled_positions=positions, pbc=True)


def _asked(question: Callable[..., Any], atoms: Atoms, **options: Any) -> Any:
    """What spglib answers; None: nothing."""
    cell = (atoms.cell.array, atoms.get_scaled_positions(), atoms.numbers)
    with warnings.catch_warnings():
        # Until version 3 it returns None where later it raises, and warns that this will change.
        warnings.simplefilter("ignore", DeprecationWarning)
        try:
            return question(cell, symprec=_OFF, **options)
        except Exception as error:
            if type(error).__module__.partition(".")[0] != "spglib":
                raise
            return None


def repeated(atoms: Atoms, length: float) -> Atoms:
    """A supercell whose faces are at least ``length`` (A) apart."""
    supercell: Atoms = atoms.repeat(tuple(int(n) for n in np.ceil(length / heights(atoms.cell.array))))
    return supercell
