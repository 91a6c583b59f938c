"""Atoms in another order: who sits where the template has whom, under periodic images."""

from __future__ import annotations

import numpy as np
from ase import Atoms
from scipy.spatial import cKDTree

from moe_ipi.errors import StructureError
from moe_ipi.typing import BoolArray, FloatArray, IntArray

#: A: sites are looked for this far away; an atom is at a site if it is within half the distance to the next one.
_REACH = 4.0
#: A: RMS displacement from the sites that only the start of a run has.
_AT_START = 0.05
#: Fraction of the atoms that must be at sites for the sites to be the template's.
_MOST = 0.9


def compare_order(
    numbers: IntArray,
    sites: FloatArray,
    positions: FloatArray,
    cell: FloatArray,
    periodic: BoolArray,
    *,
    known_order: bool = False,
) -> str | None:
    """Who sits at the sites of the template?

    Args:
        numbers: (N,) atomic numbers, in the order of the template.
        sites: (N, 3) A, the positions of the template, in the frame of the cell.
        positions: (N, 3) A, of the first structure.
        cell: (3, 3) A, of the first structure; unit normals where it is not periodic.
        periodic: (3,) its periodic vectors.
        known_order: the elements are known to stand in the same order: then atoms have changed places.

    Returns:
        A line for the user if something is suspicious, else ``None``.

    Raises:
        StructureError: the atoms are in another order.
    """
    inverse = np.asarray(np.linalg.inv(cell), np.float64)
    widths = 1.0 / np.linalg.norm(inverse, axis=0)
    if (_REACH / widths[periodic] > 10).any():
        return None
    images, owners = _images(sites, cell, periodic, _REACH / widths)
    tree = cKDTree(images)
    spacing = tree.query(_wrapped(sites, cell, periodic), k=2, distance_upper_bound=_REACH)[0][:, 1]
    radii = np.minimum(spacing, _REACH) / 2

    def search(shift: FloatArray) -> tuple[BoolArray, IntArray, FloatArray, IntArray]:
        """Which atoms are at a site, at which, how far from it, and which of them are of another element."""
        distances, found = tree.query(_wrapped(positions - shift, cell, periodic), distance_upper_bound=_REACH / 2)
        at = owners[np.minimum(found, len(owners) - 1)]
        there = distances <= radii[at]
        return there, at, distances, np.flatnonzero(there & (numbers[at] != numbers))

    shift = np.zeros(3)
    there, at, distances, wrong = search(shift)
    if there.mean() <= _MOST or len(wrong) > 1:
        # A whole crystal may have moved on to other sites.
        common = _translation(positions - sites, inverse, cell, periodic)
        other = search(common)
        if there.mean() <= _MOST or (other[0].mean() > _MOST and len(other[3]) < 2):
            shift, (there, at, distances, wrong) = common, other
    if there.mean() <= _MOST:
        gone = np.linalg.norm(nearest_image(positions - shift - sites, cell, periodic), axis=1) > radii
        if gone.mean() <= 0.5:
            return None
        return (
            f"{gone.sum()} of {len(gone)} atoms of the first structure are not where the template has them: this is "
            "right for a run that is continued; else give the structure that i-PI starts from as the template"
        )
    if len(wrong) < 2:
        return None
    atom = int(wrong[0])
    names = Atoms(numbers=[numbers[atom], numbers[at[atom]]]).get_chemical_symbols()
    what = (
        f"{len(wrong)} of {len(there)} atoms sit where the template has another element (atom {atom}, counted from 0, "
        f"is {names[0]} in the template, and where i-PI has it the template has {names[1]})"
    )
    if known_order:
        return f"{what}: they have changed places"
    at_start = float(np.sqrt((distances[there] ** 2).mean())) < _AT_START
    if at_start or _reordered(at, there, len(np.unique(numbers))):
        raise StructureError(
            f"{what}: the template has its atoms in another order than i-PI; give i-PI's own file (a late one of a run "
            "that exchanges atoms)"
        )
    return f"{what}: this is right if they have changed places; else the template has another order of atoms than i-PI"


def _reordered(at: IntArray, there: BoolArray, species: int) -> bool:
    """Whether atoms are where others were as a sorted file has it: in few runs that keep their order."""
    atoms = np.flatnonzero(there & (at != np.arange(len(at))))
    descents = int((np.diff(at[atoms]) < 0).sum())
    return descents <= species and len(atoms) > 10 * (descents + 1)


def _translation(moved: FloatArray, inverse: FloatArray, cell: FloatArray, periodic: BoolArray) -> FloatArray:
    """(3,) the displacement that the atoms have in common; along periodic directions it has no unique mean."""
    fractional = moved @ inverse
    around = np.exp(2j * np.pi * fractional).mean(axis=0)
    center = np.where(periodic, np.angle(around) / (2 * np.pi), 0.0)
    fractional = fractional - center
    fractional -= np.where(periodic, np.round(fractional), 0.0)
    shift: FloatArray = (center + np.median(fractional, axis=0)) @ cell
    return shift


def _wrapped(positions: FloatArray, cell: FloatArray, periodic: BoolArray) -> FloatArray:
    fractional = positions @ np.linalg.inv(cell)
    inside: FloatArray = (fractional - np.where(periodic, np.floor(fractional), 0.0)) @ cell
    return inside


def _images(
    sites: FloatArray, cell: FloatArray, periodic: BoolArray, margin: FloatArray
) -> tuple[FloatArray, IntArray]:
    """Images (M, 3) of the sites in the cell and ``margin`` (3,), in fractions of it, around; and whose they are."""
    fractional = _wrapped(sites, cell, periodic) @ np.linalg.inv(cell)
    owners = np.arange(len(sites))
    for axis in np.flatnonzero(periodic):
        reach = int(np.ceil(margin[axis]))
        copies = []
        for shift in range(-reach, reach + 1):
            along = fractional[:, axis] + shift
            near = (along >= -margin[axis]) & (along <= 1 + margin[axis])
            moved = fractional[near]
            moved[:, axis] = along[near]
            copies.append((moved, owners[near]))
        fractional = np.concatenate([moved for moved, _ in copies])
        owners = np.concatenate([owner for _, owner in copies])
    return fractional @ cell, owners


def nearest_image(vectors: FloatArray, cell: FloatArray, periodic: BoolArray) -> FloatArray:
    """Short vectors (N, 3) without the lattice vectors in them."""
    fractional = vectors @ np.linalg.inv(cell)
    image: FloatArray = vectors - np.where(periodic, np.round(fractional), 0.0) @ cell
    return image
