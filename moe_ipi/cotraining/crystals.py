"""Unlabelled crystals, made anew for every step: the experts only have to agree on them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from ase import Atoms
from ase.build import bulk, make_supercell
from nequip.data import AtomicDataDict as Keys
from nequip.data.ase import from_ase
from nequip.data.transforms import ChemicalSpeciesToAtomTypeMapper, NeighborListTransform

from moe_ipi.errors import ConfigError
from moe_ipi.structure import read_template
from moe_ipi.typing import FloatArray


class UnlabelledCells:
    """Strained crystals, perfect and rattled.

    Args:
        element, lattice, lattice_parameter: the crystal (A), as :func:`ase.build.bulk` understands them; or
        structure: a file with its primitive cell.
        type_names: the models' type names.
        perfect: number of strained perfect cells in each step.
        rattled: number of strained cells with displaced atoms in each step.
        repeat: a rattled cell is this many primitive cells along each axis.
        strain: largest component of the random strain.
        rattle: largest standard deviation of the displacement's components, A.
        seed: with the same seed, step k always gets the same cells.

    Raises:
        ConfigError: neither or both ways to name the crystal are used.
        StructureError: the file cannot be used.
    """

    def __init__(
        self,
        element: str | None = None,
        lattice: str | None = None,
        lattice_parameter: float | None = None,
        type_names: Sequence[str] = (),
        *,
        structure: str | Path | None = None,
        perfect: int = 6,
        rattled: int = 2,
        repeat: int = 2,
        strain: float = 0.03,
        rattle: float = 0.12,
        seed: int = 1,
    ) -> None:
        if (structure is None) == (element is None):
            raise ConfigError("unlabelled crystals need either element, lattice and lattice_parameter, or structure")
        if element is not None:
            self._unit = bulk(element, lattice, a=lattice_parameter)
        else:
            cell = read_template(str(structure), "crystal")
            self._unit = Atoms(cell.numbers, cell.positions, cell=cell.cell, pbc=True)
        self._perfect, self._rattled, self._repeat = perfect, rattled, repeat
        self._strain, self._rattle, self._seed = strain, rattle, seed
        self._types = ChemicalSpeciesToAtomTypeMapper(model_type_names=list(type_names))

    def draw(self, step: int, cutoff: float, device: torch.device | str = "cpu") -> tuple[Keys.Type, int]:
        """The cells of a step as one NequIP batch with neighbour lists, perfect ones first.

        Args:
            step: non-negative.
            cutoff: of the neighbour lists, A.

        Returns:
            the batch, and how many of its atoms are in perfect cells.
        """
        rng = np.random.default_rng([self._seed, step])
        cells = [self._strained(self._unit, rng) for _ in range(self._perfect)]
        n_perfect = sum(map(len, cells))
        for _ in range(self._rattled):
            atoms = self._strained(make_supercell(self._unit, self._repeat * np.eye(3)), rng)
            atoms.positions += rng.normal(0.0, rng.uniform(0.0, self._rattle), atoms.positions.shape)
            cells.append(atoms)
        neighbors = NeighborListTransform(r_max=cutoff)
        data = [neighbors(self._types(from_ase(atoms))) for atoms in cells]
        return Keys.to_(Keys.batched_from_list(data), device), n_perfect

    def _strained(self, atoms: Atoms, rng: np.random.Generator) -> Atoms:
        atoms = atoms.copy()
        strain = random_strain(rng, self._strain)
        atoms.set_cell(atoms.cell.array @ (np.eye(3) + strain), scale_atoms=True)
        return atoms


def random_strain(rng: np.random.Generator, largest: float) -> FloatArray:
    """(3, 3): isotropic half of the time, otherwise any symmetric strain; sometimes small, sometimes large.

    Args:
        rng: draws it.
        largest: component.
    """
    scale = largest * rng.uniform(0.0, 1.0)
    if rng.random() < 0.5:
        return rng.uniform(-scale, scale) * np.eye(3)
    strain: FloatArray = rng.uniform(-scale, scale, (3, 3))
    symmetric: FloatArray = 0.5 * (strain + strain.T)
    return symmetric
