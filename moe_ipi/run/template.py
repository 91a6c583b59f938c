"""The drivers' template of a run: i-PI does not send them species."""

from __future__ import annotations

from pathlib import Path

from moe_ipi.elements import element_symbols, is_element
from moe_ipi.errors import StructureError
from moe_ipi.plugin.ipi_input import InputError, IPIInput
from moe_ipi.structure import write_ipi_xyz


def write_template(run: IPIInput, directory: Path) -> Path:
    """Write ``PREFIX.template.xyz``, the structure that the run starts from.

    Drivers take species and periodic directions from it.  The assignment reaches them with every structure; only under
    plain ``i-pi``, which sends none, drivers with this template compute it from these positions.

    Args:
        run: the input.
        directory: where i-PI runs.

    Returns:
        The file.

    Raises:
        StructureError: the structure cannot be a template (an unknown element, for example).
        InputError: the file cannot be written.
    """
    path = directory / f"{run.prefix}.template.xyz"
    _check_elements(run)
    try:
        # In i-PI's units with all digits: a distance that equals the radius of the regions stays what i-PI has.
        write_ipi_xyz(path, run.species, run.positions, run.cell, "atomic_unit")
    except OSError as error:
        raise InputError(f"cannot write '{path}': {error.strerror or error}") from error
    return path


def _check_elements(run: IPIInput) -> None:
    for index, label in enumerate(run.species):
        if not is_element(*element_symbols([label])):
            what = f"the label '{label}' of atom {index} (counted from 0) in '{run.path.name}'"
            raise StructureError(f"{what} is not an element; correct it")
