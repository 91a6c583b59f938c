"""The structures on which the experts are to agree: those of the user, strained and shaken."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import ase.io
import numpy as np
from ase import Atoms

from moe_ipi.cotraining.crystals import random_strain
from moe_ipi.elements import isotopes_in_ase
from moe_ipi.errors import StructureError, one_line
from moe_ipi.frames import frames_of

#: Frames that copies are made up to, and the most copies of one structure.
FRAMES, MOST_COPIES = 1000, 200
#: Every so many structures one is for validation; the most frames that are.
_HELD_OUT, _VALIDATION = 10, 100


def read_structures(paths: Sequence[Path], known: Sequence[str], cutoff: float) -> list[Atoms]:
    """All frames of all files, periodic in three dimensions, without labels.

    Args:
        paths: files that ASE reads.
        known: elements that the model knows.
        cutoff: A; directions that are not periodic get so much vacuum on both sides.

    Raises:
        StructureError: a file cannot be read, or has no atoms, or atoms that the model does not know.
    """
    found = []
    for path in paths:
        try:
            with isotopes_in_ase():
                frames = ase.io.read(path, index=":", do_not_split_by_at_sign=True)
        # ASE's readers fail in many ways.
        except Exception as error:
            raise StructureError(
                f"cannot read structures from '{path}': {one_line(error)}; give files that ASE reads, such as extxyz"
            ) from error
        assert isinstance(frames, list)
        for number, atoms in enumerate(frames):
            unknown = sorted(set(atoms.get_chemical_symbols()) - set(known))
            if unknown:
                raise StructureError(
                    f"frame {number} of '{path}' contains {' '.join(unknown)}, which the model does not know "
                    f"(it knows {' '.join(known)}); leave these structures out"
                )
            if len(atoms) == 0:
                raise StructureError(f"frame {number} of '{path}' has no atoms; remove it")
            found.append(_periodic(atoms, cutoff))
    if not found:
        raise StructureError("there are no structures; give files with one or more frames")
    return found


def _periodic(atoms: Atoms, cutoff: float) -> Atoms:
    plain = Atoms(atoms.get_chemical_symbols(), atoms.get_positions(), cell=atoms.cell, pbc=atoms.pbc)
    open_axes = tuple(int(axis) for axis in np.flatnonzero(~plain.pbc))
    if open_axes:
        plain.center(vacuum=cutoff, axis=open_axes)
        plain.pbc = True
    frames_of(plain)
    return plain


def with_copies(
    structures: Sequence[Atoms], copies: int | None, *, strain: float, rattle: float, seed: int
) -> tuple[list[Atoms], list[Atoms]]:
    """Frames for training and for validation: the structures, and strained and shaken copies of them.

    Of ten structures or more, every tenth is for validation with all its copies; of fewer, further copies of all.

    Args:
        structures: see :func:`read_structures`.
        copies: of each structure; ``None``: so many that there are about :data:`FRAMES` frames.
        strain: largest component of the random strain.
        rattle: largest standard deviation of the displacements' components, A.
        seed: with the same seed, the same copies.
    """
    rng = np.random.default_rng(seed)
    if copies is None:
        copies = int(np.clip(-(-FRAMES // len(structures)) - 1, 1, MOST_COPIES))
    held_out = set(range(0, len(structures), _HELD_OUT)) if len(structures) >= _HELD_OUT else set()
    training: list[Atoms] = []
    validation: list[Atoms] = []
    for number, atoms in enumerate(structures):
        frames = [atoms, *(_changed(atoms, strain, rattle, rng) for _ in range(copies))]
        (validation if number in held_out else training).extend(frames)
    if not held_out:
        more = max(1, copies // _HELD_OUT)
        validation = [_changed(atoms, strain, rattle, rng) for atoms in structures for _ in range(more)]
    step = -(-len(validation) // _VALIDATION)
    return training, validation[::step]


def _changed(atoms: Atoms, strain: float, rattle: float, rng: np.random.Generator) -> Atoms:
    copy: Atoms = atoms.copy()
    copy.set_cell(copy.cell.array @ (np.eye(3) + random_strain(rng, strain)), scale_atoms=True)
    copy.positions += rng.normal(0.0, rng.uniform(0.0, rattle), copy.positions.shape)
    return copy
