"""Data files of LAMMPS whose types say element and expert."""

from __future__ import annotations

from pathlib import Path

import ase.units
import numpy as np
from ase import Atoms
from ase.data import atomic_masses, atomic_numbers

from moe_ipi.config import Config, load_config
from moe_ipi.errors import ConfigError, StructureError
from moe_ipi.frames import frames_of
from moe_ipi.lammps.box import boxed
from moe_ipi.models import find_config
from moe_ipi.regions.partitioner import Partitioner
from moe_ipi.regions.warnings import assignment_warning
from moe_ipi.structure import read_template
from moe_ipi.typing import BoolArray

#: LAMMPS's unit of velocities, A/ps, in ASE's.
_VELOCITY = ase.units.Angstrom / (1000.0 * ase.units.fs)


def run_data(structure: Path, config: str, output: Path) -> list[str]:
    """Write a structure for ``pair_style moe``, its atoms assigned by the rules.

    Args:
        structure: any file that :func:`moe_ipi.structure.read_template` reads.
        config: path of the ``moe.toml``, or the name of a shipped pair.
        output: the data file.

    Returns:
        Lines for the user: what was written, and what a script needs for it.

    Raises:
        ConfigError: the config cannot be used, or its rules need another orientation of the cell.
        StructureError: the structure cannot be read or used, or the file cannot be written.
    """
    loaded = load_config(find_config(config))
    atoms = read_template(structure)
    assignment, warning = _assigned(loaded, atoms)
    elements = tuple(dict.fromkeys(atoms.get_chemical_symbols()))
    text = data_text(atoms, assignment)
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise StructureError(f"cannot write '{output}': {error.strerror or error}") from error
    lines = [
        f"{output}: {len(atoms)} atoms, {int(assignment.sum())} of them complex; a script that reads it needs",
        "    units metal",
        "    atom_style atomic",
        f"    boundary {' '.join('p' if periodic else 's' for periodic in atoms.pbc)}",
        f"    read_data {output}",
        "    pair_style moe",
        f"    pair_coeff * * {' '.join(elements)}",
    ]
    return lines if warning is None else [*lines, warning]


def _assigned(config: Config, atoms: Atoms) -> tuple[BoolArray, str | None]:
    """(N,) the assignment by the rules, and a line if it is hardly meant."""
    species = atoms.get_chemical_symbols()
    partitioner = Partitioner(config.regions, species)
    frames = frames_of(atoms)
    turned = not np.allclose(boxed(frames.positions[0], frames.cells[0], frames.pbc).rotation, np.eye(3), atol=1e-6)
    if turned and config.regions.oriented_axes:
        raise ConfigError(
            "LAMMPS turns this cell so that a is along x, and slab or box rules measure along "
            f"{', '.join(config.regions.oriented_axes)}: turn the structure, or measure along other axes"
        )
    if config.regions.needs_disagreement:
        from moe_ipi.assignment import assignment_by_rules
        from moe_ipi.potential import MoEPotential

        assignment = assignment_by_rules(partitioner, MoEPotential.from_config(config, species), frames)
    else:
        assignment = partitioner.assign_frames(frames)
    return assignment, assignment_warning(partitioner, frames, assignment)


def data_text(atoms: Atoms, assignment: BoolArray) -> str:
    """A data file: with n elements, types 1..n are these under the bulk expert and n+1..2n under the complex expert.

    Args:
        atoms: structure; velocities are written if it has any.
        assignment: (N,) bool, True for atoms of the complex expert.

    Raises:
        StructureError: the cell is singular or has collapsed.
    """
    frames = frames_of(atoms)
    box = boxed(frames.positions[0], frames.cells[0], frames.pbc)
    species = atoms.get_chemical_symbols()
    elements = list(dict.fromkeys(species))
    types = np.array([elements.index(s) + 1 for s in species], np.int64) + len(elements) * assignment
    names = elements + elements
    lines = [f"types 1-{len(elements)} bulk, {len(elements) + 1}-{len(names)} complex; units = metal", ""]
    lines += [f"{len(atoms)} atoms", f"{len(names)} atom types", ""]
    lines += [f"{lo!r} {hi!r} {axis}lo {axis}hi" for axis, (lo, hi) in zip("xyz", box.bounds, strict=True)]
    lines += [f"{' '.join(map(repr, box.tilts.values()))} xy xz yz", "", "Masses", ""]
    lines += [f"{k} {float(atomic_masses[atomic_numbers[name]])!r} # {name}" for k, name in enumerate(names, 1)]
    lines += ["", "Atoms # atomic", ""]
    lines += [f"{k} {t} {_numbers(r)}" for k, (t, r) in enumerate(zip(types, box.positions, strict=True), 1)]
    if atoms.has("momenta"):
        lines += ["", "Velocities", ""]
        velocities = atoms.get_velocities() @ box.rotation / _VELOCITY
        lines += [f"{k} {_numbers(v)}" for k, v in enumerate(velocities, 1)]
    return "\n".join(lines) + "\n"


def _numbers(vector: np.ndarray) -> str:
    return " ".join(map(repr, vector.tolist()))
