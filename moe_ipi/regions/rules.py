"""The rules: each says which atoms of a frame are seeds.

None depends on how atoms are wrapped or ordered, or on the choice of lattice vectors.
"""

from __future__ import annotations

from itertools import product

import numpy as np
from numpy.typing import NDArray

from moe_ipi.config import (
    AgreementRule,
    BoxRule,
    CentrosymmetryRule,
    CoordinationRule,
    IndicesRule,
    RuleConfig,
    SlabRule,
    SpeciesRule,
)
from moe_ipi.errors import ConfigError
from moe_ipi.regions import kernels
from moe_ipi.regions.frame import TOLERANCE, Frame
from moe_ipi.regions.images import images_near, reduced_lattice
from moe_ipi.regions.period import common_period
from moe_ipi.typing import BoolArray, FloatArray

#: More images of one atom than this to look for inside a box mean a mistake; trying them would take for ever.
_MOST_IMAGES = 1_000_000


def seeds(rule: RuleConfig, frame: Frame, key: str) -> BoolArray:
    """The seeds (N,) of one rule.

    Args:
        rule: the rule.
        frame: the structure.
        key: the rule's name in the config, for messages.

    Raises:
        ConfigError: the rule cannot be applied to this structure.
        StructureError: the cell is singular or has collapsed.
    """
    match rule:
        case SpeciesRule():
            return species_seeds(rule, frame)
        case IndicesRule():
            return indices_seeds(rule, frame, key)
        case SlabRule():
            return slab_seeds(rule, frame, key)
        case BoxRule():
            return box_seeds(rule, frame, key)
        case CoordinationRule():
            return coordination_seeds(rule, frame)
        case CentrosymmetryRule():
            return centrosymmetry_seeds(rule, frame)
        case AgreementRule():
            # Not of this structure alone: the partitioner receives what the experts say.
            return np.zeros(len(frame.species), bool)
    raise ConfigError(f"{key}: no such rule: {rule!r}")


def species_seeds(rule: SpeciesRule, frame: Frame) -> BoolArray:
    """Every atom of the elements; none where the structure has none of them."""
    return np.isin(frame.species, rule.species)


def indices_seeds(rule: IndicesRule, frame: Frame, key: str) -> BoolArray:
    """The listed atoms."""
    count = len(frame.species)
    # min as well: a rule made in Python, past the validation, must not count from the end.
    wrong = [index for index in rule.indices if not 0 <= index < count]
    if wrong:
        raise ConfigError(
            f"{key}.indices: no atom {wrong[0]} among {count} atoms (counted from 0); correct the index or the template"
        )
    chosen = np.zeros(count, bool)
    chosen[rule.indices] = True
    return chosen


def slab_seeds(rule: SlabRule, frame: Frame, key: str) -> BoolArray:
    """Atoms with an image whose coordinate along the axis lies in [min, max]."""
    axis = "xyz".index(rule.axis)
    period = slab_period(rule, frame.lattice, key)
    low, high = rule.min - TOLERANCE, rule.max + TOLERANCE
    along = frame.positions[:, axis]
    if period == 0.0:
        return (along >= low) & (along <= high)
    return np.mod(along - low, period) <= high - low


def slab_period(rule: SlabRule, lattice: FloatArray, key: str) -> float:
    """The distance (A) between images of a slab; 0 if there is only one.

    Args:
        rule: the rule.
        lattice: (k, 3) A, the periodic lattice vectors.
        key: the rule's name in the config, for messages.

    Raises:
        ConfigError: there is no such distance.
    """
    period = common_period(lattice[:, "xyz".index(rule.axis)])
    if period is None:
        raise ConfigError(
            f"{key}.axis: the normal of a slab must be perpendicular to a lattice plane, and {rule.axis} is not in "
            "this cell; use another axis or a rule of type 'box'"
        )
    return period


def box_seeds(rule: BoxRule, frame: Frame, key: str) -> BoolArray:
    """Atoms with an image inside the box [min, max]."""
    low, high = np.array(rule.min) - TOLERANCE, np.array(rule.max) + TOLERANCE
    periodic = np.array(frame.pbc)
    lattice = reduced_lattice(frame.cell, frame.pbc)
    _cut(low, high, lattice[periodic])
    first, last, reach = images_near(frame.positions, lattice, frame.pbc, low, high)
    widest = int(np.argmax(np.where(periodic, reach, -1.0)))
    order = [k for k in range(3) if k != widest] + [widest]
    tried = np.prod(2 * reach[order[:2]] + 1)
    if tried > _MOST_IMAGES:
        raise ConfigError(f"{key}: the box holds {tried:.1g} images of the cell; make it smaller")
    return kernels.in_box(
        frame.positions,
        np.ascontiguousarray(lattice[order]),
        np.ascontiguousarray(first[:, order].astype(np.int64)),
        np.ascontiguousarray(last[:, order].astype(np.int64)),
        low,
        high,
    )


def _cut(low: FloatArray, high: FloatArray, lattice: FloatArray) -> None:
    """Cut each side (A) of the box [low, high] that is longer than a lattice vector parallel to it to that length.

    The box then still holds an image of whatever it held, and there are few images to try however long it was.
    """
    vectors = np.array(list(product(range(-3, 4), repeat=len(lattice)))).reshape(7 ** len(lattice), -1) @ lattice
    for axis in range(3):
        lengths, width = vectors[:, axis], high[axis] - low[axis]
        strays = np.abs(np.delete(vectors, axis, axis=1)).max(axis=1)
        # Parallel up to rounding: over the whole box it must not stray by more than 1e-9 A.
        parallel = (lengths > 0) & (strays * width <= 1e-9 * lengths)
        if parallel.any():
            high[axis] = min(high[axis], low[axis] + lengths[parallel].min())


def coordination_seeds(
    rule: CoordinationRule, frame: Frame, counts: NDArray[np.integer] | FloatArray | None = None
) -> BoolArray:
    """Atoms of the species with fewer than ``below`` neighbours of those species within the cutoff.

    Args:
        rule: the rule.
        frame: the structure.
        counts: (N,) the numbers of neighbours, if they are averages over other structures.
    """
    counts = coordination_counts(rule, frame) if counts is None else counts
    return np.isin(frame.species, rule.species) & (counts < rule.below)


def coordination_counts(rule: CoordinationRule, frame: Frame) -> NDArray[np.int64]:
    """(N,) number of neighbours of the rule's species within its cutoff, 0 for other atoms."""
    chosen = np.isin(frame.species, rule.species)
    if not chosen.any():
        return np.zeros(len(chosen), np.int64)
    edges = frame.edges
    return kernels.coordination(chosen, edges.centers, edges.neighbors, frame.squares, rule.cutoff + TOLERANCE)


def centrosymmetry_seeds(rule: CentrosymmetryRule, frame: Frame) -> BoolArray:
    """Atoms of the species whose surroundings are not the same seen through the atom.

    C. L. Kelchner, S. J. Plimpton, J. C. Hamilton, Phys. Rev. B 58, 11085 (1998), with the sum taken over the smallest
    terms of all pairs of the nearest neighbours, as LAMMPS does.  In a crystal for which ``neighbors`` is right they
    fill shells; an atom for which the last of them cannot be told from the next is a seed.
    """
    chosen = np.isin(frame.species, rule.species)
    if not chosen.any():
        return chosen
    edges = frame.edges
    # Lattice vectors of directions that are not periodic may hold anything.
    cell = np.where(np.array(frame.pbc)[:, None], frame.cell, 0.0)
    vectors = edges.vectors(frame.positions, cell)
    reach = rule.cutoff + TOLERANCE
    values = kernels.centrosymmetry(chosen, edges.centers, edges.neighbors, vectors, reach, rule.neighbors, TOLERANCE)
    return chosen & (values > rule.above)
