"""The drivers' template of a run: one file for all drivers, and for all continuations of the run."""

from __future__ import annotations

from pathlib import Path

from moe_ipi.errors import StructureError
from moe_ipi.simulation.ipi_input import InputError, IPIInput
from moe_ipi.structure import read_template, write_ipi_xyz


def prepare_template(run: IPIInput, directory: Path) -> tuple[Path, str]:
    """Write ``PREFIX.template.xyz``, or find the one of the run that is continued.

    The drivers compute the frozen assignment from its positions.  A continued run must keep the assignment, or its
    Hamiltonian would change, so the positions that a new run starts from are kept in this file.

    Args:
        run: the input.
        directory: where i-PI runs.

    Returns:
        The file, and a line for the user (empty for a new run).

    Raises:
        StructureError: the structure cannot be a template (an unknown element, for example).
        InputError: the file cannot be written.
    """
    path = directory / f"{run.prefix}.template.xyz"
    symbols = _symbols(run)
    line = ""
    if run.step > 0:
        if path.is_file() and read_template(path).get_chemical_symbols() == symbols:
            return path, f"continues with the assignment of the run it continues ({path.name})"
        line = f"there is no {path.name} of the same atoms: the assignment is computed anew, from {run.path.name}"
    _write(run, path)
    return path, line


def _symbols(run: IPIInput) -> list[str]:
    from ase.data import atomic_numbers

    labels = ["H" if label == "D" else label for label in run.species]
    for index, label in enumerate(labels):
        if label not in atomic_numbers or label == "X":
            what = f"the label '{label}' of atom {index} (counted from 0) in '{run.path.name}'"
            raise StructureError(f"{what} is not an element; correct it")
    return labels


def _write(run: IPIInput, path: Path) -> None:
    try:
        # In i-PI's units with all digits: a distance that equals the radius of the regions stays what i-PI has.
        write_ipi_xyz(path, run.species, run.positions, run.cell, "atomic_unit")
    except OSError as error:
        raise InputError(f"cannot write '{path}': {error.strerror or error}") from None
