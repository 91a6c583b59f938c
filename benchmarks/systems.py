"""Rattled crystals, and the part of them that is complex."""

from __future__ import annotations

import numpy as np
from ase import Atoms

from moe_ipi.config import Config
from moe_ipi.edges import full_list
from moe_ipi.experts.environments import OwnedEdges, packed, select_edges
from moe_ipi.experts.expert import Environments, Expert
from moe_ipi.properties.crystal import crystal_of

#: Cells of 4 atoms along each axis, for about 500, 2,000, 8,000 and 32,000 atoms.
REPEATS = {500: (5, 5, 5), 2_048: (8, 8, 8), 8_192: (16, 16, 8), 32_000: (20, 20, 20)}


def crystal(config: Config, repeat: tuple[int, int, int]) -> Atoms:
    """The crystal that the config names, rattled."""
    assert config.validation is not None, "the config needs a [validation] table: the crystal to measure"
    atoms: Atoms = crystal_of(config.validation).unit.repeat(repeat)
    atoms.rattle(0.05, seed=0)
    return atoms


def sphere(atoms: Atoms, fraction: float) -> np.ndarray:
    """(N,) bool: the atoms around the first one, so many of all."""
    distances = atoms.get_distances(0, np.arange(len(atoms)), mic=True)
    mask = np.zeros(len(atoms), bool)
    mask[np.argsort(distances)[: round(fraction * len(atoms))]] = True
    return mask


def all_environments(expert: Expert, atoms: Atoms) -> Environments:
    """The environments of all atoms, as the expert gets them."""
    edges = full_list(atoms.positions, atoms.cell.array, (True, True, True), expert.cutoff)
    everyone = np.arange(len(atoms))
    types = np.array([expert.species.index(symbol) for symbol in atoms.symbols])
    owned = select_edges(
        atoms.positions, atoms.cell.array, edges.centers, edges.neighbors, edges.shifts, everyone, expert.cutoff
    )
    return packed([OwnedEdges(*owned)], everyone, types)
