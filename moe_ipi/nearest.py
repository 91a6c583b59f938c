"""How far each atom is from the nearest of some chosen ones, without a list of all neighbours."""

from __future__ import annotations

import itertools

import numpy as np
from scipy.spatial import cKDTree

from moe_ipi.cell import completed_cell, rounding, wrapped
from moe_ipi.errors import StructureError
from moe_ipi.typing import BoolArray, FloatArray, Periodicity

#: More images of the chosen atoms than this mean a collapsed cell.
_MOST_IMAGES = 10**8


def nearest_distances(
    positions: FloatArray, cell: FloatArray, pbc: Periodicity, chosen: BoolArray, reach: float
) -> FloatArray:
    """(N,) A: distance of each atom to the nearest image of a chosen atom (zero for these), infinite beyond ``reach``.

    Args:
        positions, cell, pbc: of one frame, see :class:`moe_ipi.frames.Frames`.
        chosen: (N,).
        reach: A.

    Raises:
        StructureError: the cell is singular or has collapsed.
    """
    distances = np.full(len(positions), np.inf)
    distances[chosen] = 0.0
    others = np.flatnonzero(~chosen)
    if len(others) == 0 or not chosen.any():
        return distances
    box = completed_cell(cell, pbc)
    inside, _ = wrapped(positions, box, pbc)
    images = _images(inside[chosen], box, pbc, inside[others], reach)
    tree = cKDTree(images, balanced_tree=False, compact_nodes=False)
    # distance_upper_bound excludes what is just as far.
    distances[others] = tree.query(inside[others], distance_upper_bound=np.nextafter(reach, np.inf))[0]
    return distances


def _images(centers: FloatArray, box: FloatArray, pbc: Periodicity, others: FloatArray, reach: float) -> FloatArray:
    """The images of wrapped centres (M, 3) that can be within ``reach`` of one of some wrapped atoms."""
    inverse = np.linalg.inv(box)
    # A sphere of radius R extends by R times the length of the k-th column over the k-th fractional coordinate.
    extent = (reach + rounding(others, box)) * np.linalg.norm(inverse, axis=0)
    steps = np.where(np.array(pbc), np.ceil(extent), 0.0)
    number = float(np.prod(2.0 * steps + 1.0))
    if number * len(centers) > _MOST_IMAGES:
        raise StructureError(
            f"the cell has collapsed: an atom has {number:.3g} images within {reach:.3g} A; look for a run that has "
            "blown up"
        )
    fractional = others @ inverse
    low, high = fractional.min(axis=0) - extent, fractional.max(axis=0) + extent
    found = []
    for shift in itertools.product(*(np.arange(-n, n + 1) for n in steps)):
        image = centers + np.array(shift) @ box
        at = image @ inverse
        found.append(image[((at >= low) & (at <= high)).all(axis=1)])
    return np.concatenate(found)
