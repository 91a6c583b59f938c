"""Structures as one wants to look at them: nothing is torn where the cell ends."""

from __future__ import annotations

import numpy as np
from ase import Atoms
from ase.neighborlist import natural_cutoffs, neighbor_list
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import breadth_first_order, connected_components

from moe_ipi.cell import fractional, heights

#: Atoms are bonded up to so many times the sum of their covalent radii.
_BOND = 1.25
#: A; along a cell vector, so much empty space means that a slab or molecule ends there.
_GAP = 3.0
_NONMETALS = frozenset(
    [
        "H",
        "He",
        "B",
        "C",
        "N",
        "O",
        "F",
        "Ne",
        "Si",
        "P",
        "S",
        "Cl",
        "Ar",
        "Ge",
        "As",
        "Se",
        "Br",
        "Kr",
        "Sb",
        "Te",
        "I",
        "Xe",
        "At",
        "Rn",
    ]
)

_Bonds = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]


def whole(atoms: Atoms) -> Atoms:
    """The same atoms, each at the periodic image that belongs to its neighbours.

    Clusters of bonded atoms are put together if they do not reach their own image.  In those that do (crystals,
    slabs) the atoms stand in one cell, which begins where there is most empty space, and only molecules (clusters of
    nonmetals) are put together, each beside the atom to which it is bonded.

    Args:
        atoms: N > 0 atoms, periodic in any directions.

    Returns:
        A copy, with the cell and periodicity of ``atoms``.
    """
    result: Atoms = atoms.copy()
    cell = np.asarray(atoms.cell.complete())
    begins, fractions = _one_cell(atoms, cell)
    result.positions = fractions @ cell
    i, j, shifts, distances = neighbor_list("ijSd", result, natural_cutoffs(result, mult=_BOND))
    endless = np.zeros(len(atoms), bool)
    moves = np.zeros((len(atoms), 3), np.int64)
    for members, offsets in _clusters(len(atoms), (i, j, shifts)):
        if offsets is None:
            endless[members] = True
        else:
            centre = (fractions[members] + offsets).mean(axis=0)
            moves[members] = offsets - np.floor(centre - begins).astype(np.int64) * atoms.pbc
    light = np.array([symbol in _NONMETALS for symbol in atoms.symbols]) & endless
    inner = light[i] & light[j]
    for members, offsets in _clusters(len(atoms), (i[inner], j[inner], shifts[inner])):
        if len(members) > 1 and offsets is not None:
            within = np.zeros(len(atoms), bool)
            within[members] = True
            holding = np.flatnonzero(within[j] & ~within[i])  # not empty: it belongs to something endless
            bond = holding[distances[holding].argmin()]
            moves[members] = offsets + shifts[bond] - offsets[members == j[bond]]
    result.positions = (fractions + moves) @ cell
    return result


def _one_cell(atoms: Atoms, cell: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(3,) where the cell begins, and (N, 3) all atoms in it, in fractions of the cell vectors."""
    fractions = fractional(atoms.positions, cell)
    begins = np.zeros(3)
    lengths = heights(cell)
    for axis in np.flatnonzero(atoms.pbc):
        values = np.sort(fractions[:, axis] % 1.0)
        gaps = np.diff(values, append=values[:1] + 1.0)
        widest = int(gaps.argmax())
        if gaps[widest] * lengths[axis] > _GAP:
            begins[axis] = values[widest] + gaps[widest] / 2 - 1.0
        else:
            begins[axis] = -1e-3  # atoms on a face stay together
        fractions[:, axis] = (fractions[:, axis] - begins[axis]) % 1.0 + begins[axis]
    return begins, fractions


def _clusters(natoms: int, bonds: _Bonds) -> list[tuple[NDArray[np.int64], NDArray[np.int64] | None]]:
    """Bonded atoms, and by how many cells each is moved so that all bonds are whole; None where that cannot be."""
    i, j, shifts = bonds
    graph = coo_array((np.ones(len(i)), (i, j)), shape=(natoms, natoms)).tocsr()
    number, labels = connected_components(graph, directed=False)
    offsets = np.zeros((natoms, 3), np.int64)
    between = {(a, b): shift for a, b, shift in zip(i.tolist(), j.tolist(), shifts, strict=True)}
    order = np.argsort(labels, kind="stable")
    groups = np.split(order, np.cumsum(np.bincount(labels, minlength=number))[:-1])
    for members in groups:
        if len(members) > 1:
            sequence, before = breadth_first_order(graph, members[0], directed=False)
            for atom in sequence[1:]:
                known = int(before[atom])
                offsets[atom] = offsets[known] + between[known, int(atom)]
    torn = np.zeros(number, bool)
    torn[labels[i[(offsets[i] + shifts != offsets[j]).any(axis=1)]]] = True
    return [(members, None if torn[k] else offsets[members]) for k, members in enumerate(groups)]
