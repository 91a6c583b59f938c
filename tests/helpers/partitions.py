"""Partitions by rules, and random atoms to partition."""

from __future__ import annotations

from itertools import product

import numpy as np
from ase import Atoms

from moe_ipi.config import RegionsConfig
from moe_ipi.regions.partitioner import Partitioner
from tests.helpers.structures import co_on_pt

TRICLINIC = np.array([[5.0, 0.0, 0.0], [1.5, 4.5, 0.0], [-1.0, 1.2, 6.0]])

SPECIES = {"type": "species", "species": ["C", "O"]}
INDICES = {"type": "indices", "indices": [0, 3]}
COORDINATION = {"type": "coordination", "species": ["Pt"], "cutoff": 3.4, "below": 4}
SLAB = {"type": "slab", "axis": "z", "min": 1.1, "max": 2.3}
BOX = {"type": "box", "min": [0.2, -3.1, 1.3], "max": [2.9, 0.4, 3.6]}
CENTROSYMMETRY = {"type": "centrosymmetry", "species": ["Pt"], "neighbors": 4, "cutoff": 4.5, "above": 6.0}
RULES = [SPECIES, INDICES, COORDINATION, SLAB, BOX, CENTROSYMMETRY]


def partition(atoms: Atoms, radius: float, *rules: dict) -> np.ndarray:
    partitioner = Partitioner(RegionsConfig(radius=radius, rules=list(rules)), atoms.get_chemical_symbols())
    return partitioner.assign(atoms.positions, atoms.cell.array, atoms.pbc)


def random_atoms(seed: int, count: int = 12, pbc=True) -> Atoms:
    rng = np.random.default_rng(seed)
    symbols = rng.choice(["Pt", "Pt", "Pt", "C", "O"], count)
    return Atoms(symbols, scaled_positions=rng.uniform(-0.5, 1.5, (count, 3)), cell=TRICLINIC, pbc=pbc)


def images(atoms: Atoms, reach: int = 4) -> np.ndarray:
    """(M, N, 3) positions of images enough for lengths up to about 8 A from the origin's neighbourhood."""
    wrapped = atoms.copy()
    wrapped.wrap()
    ranges = [range(-reach, reach + 1) if periodic else (0,) for periodic in atoms.pbc]
    return wrapped.positions + (np.array(list(product(*ranges))) @ atoms.cell.array)[:, None]


def slab_with_co() -> Atoms:
    return co_on_pt((3, 3, 4), a=3.92, vacuum=7.0, height=1.9, rattle=0.0)
