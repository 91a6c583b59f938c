"""On ranks: the distributed potential against the one in this process; the root prints the largest differences.

Arguments: a config, and ``first`` for only the first structure.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

import numpy as np
from ase import Atoms

from moe_ipi.config import Config, load_config
from moe_ipi.frames import frames_of
from moe_ipi.lammps.domain import Domain
from moe_ipi.lammps.loading import load_domain
from moe_ipi.lammps.potential import DistributedPotential
from moe_ipi.lammps.ranks import Ranks, on_all_ranks
from moe_ipi.models import find_config
from moe_ipi.potential import MoEPotential
from tests.helpers.structures import co_on_pt, displaced, random_mask

#: The same atoms one after the other: name, structure, assignment, energy.
Sequence = Iterator[tuple[str, Atoms, np.ndarray, str]]


def slab() -> Sequence:
    """One LAMMPS that is given structure after structure."""
    atoms = co_on_pt((4, 4, 3))
    mask = random_mask(len(atoms), 1)
    for energy in ("moe", "bulk", "complex", "correction"):
        yield energy, atoms, mask, energy
    yield "nobody complex", atoms, np.zeros(len(atoms), bool), "moe"
    yield "everybody complex", atoms, np.ones(len(atoms), bool), "moe"
    # What is complex is in one corner, and the division of the space follows.
    yield "corner", atoms, atoms.get_scaled_positions().max(axis=1) < 0.6, "moe"
    for k, jump in enumerate(([0.5, 0.5, 0.5], [7.3, -41.5, 3.0])):
        moved = displaced(atoms, k)
        moved.positions += np.array(jump) @ atoms.cell.array
        yield f"jump {k}", moved, mask, "moe"
    strained = atoms.copy()
    strained.set_cell(atoms.cell.array @ (np.eye(3) + 0.02 * np.random.default_rng(1).normal(size=(3, 3))), True)
    yield "strained", strained, mask, "moe"
    turned = atoms.copy()
    turned.rotate(40, (1, 2, 3), rotate_cell=True)
    yield "turned", turned, mask, "moe"
    turned.set_cell(turned.cell.array[[1, 0, 2]])
    yield "left-handed", turned, mask, "moe"
    tilted = atoms.copy()
    tilted.set_cell(np.array([[1, 0, 0], [3, 1, 0], [-2, 2, 1]]) @ atoms.cell.array)
    yield "tilted", tilted, mask, "moe"


def not_periodic() -> Sequence:
    """Directions without images."""
    for pbc in ((True, True, False), (False, True, True), (True, False, True), (False, False, False)):
        atoms = co_on_pt((3, 3, 3))
        atoms.pbc = pbc
        yield f"pbc {pbc}", atoms, random_mask(len(atoms), 2), "moe"


def small() -> Sequence:
    """A cell that is thinner than the cutoffs: atoms see many images of themselves."""
    yield "small", co_on_pt((1, 1, 2)), np.array([True, False, True, False]), "moe"


def two_atoms() -> Sequence:
    """Ranks without any atom."""
    atoms = Atoms("CO", [[1, 1, 1], [1, 1, 2.15]], cell=[30, 30, 30], pbc=True)
    yield "two atoms", atoms, np.array([True, False]), "moe"
    apart = atoms.copy()
    apart.positions[1] += 12.0
    yield "no pairs", apart, np.array([True, False]), "moe"


def compare(ranks: Ranks, domain: Domain, config: Config, structures: Sequence) -> None:
    """Print one line for every structure."""
    listed = list(structures)
    species = listed[0][1].get_chemical_symbols()
    distributed = DistributedPotential(ranks, domain, species)
    if not ranks.root:
        distributed.serve()
        return
    local = MoEPotential(domain.complex, domain.bulk, species)
    with distributed:
        for name, atoms, mask, energy in listed:
            a, b = (p.evaluate_frames(frames_of(atoms), mask, energy) for p in (distributed, local))
            fields = ("energies", "atom_energies", "forces", "virials")
            print(name, *(abs(getattr(a, f) - getattr(b, f)).max() for f in fields), sep="\t", flush=True)


def work(ranks: Ranks) -> None:
    name, *only = sys.argv[1:]
    config = load_config(find_config(name))
    sequences = [[next(slab())]] if only else [slab(), not_periodic(), small(), two_atoms()]
    domain = load_domain(ranks, config)
    for sequence in sequences:
        compare(ranks, domain, config, sequence)


if __name__ == "__main__":
    on_all_ranks(work)
