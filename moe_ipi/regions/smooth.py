"""Smooth regions: the weight with which an atom belongs to the complex expert, and the bias that goes with it.

An assignment a (1 complex, 0 bulk) and the positions x are drawn together from

    pi(x, a) ~ exp(-E(x, a) / kT) prod_i s_i(x)^a_i (1 - s_i(x))^(1 - a_i),

so that within a segment, where a is fixed, the atoms move under E and the bias

    B_a / kT = - sum_i [a_i ln s_i + (1 - a_i) ln(1 - s_i)].

s_i = 1 - prod_j (1 - f(r_ij)) prod_b (1 - F_b(r_i)) over all seeds j and their images, and over the images of all slabs
and boxes b.  f is the step of :mod:`moe_ipi.regions.switch`, F_b a product of such steps at the faces of the box, see
:mod:`moe_ipi.regions.smooth_boxes`.  Seeds (of rules ``species`` and ``indices``) are always complex and have no bias.
See docs/ensemble.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from moe_ipi.config import BoxRule, IndicesRule, RegionsConfig, SlabRule, SpeciesRule
from moe_ipi.edges import Edges
from moe_ipi.errors import ConfigError, StructureError
from moe_ipi.jit import jit
from moe_ipi.neighbors import NeighborLists
from moe_ipi.regions.kernels import component, squared_distances
from moe_ipi.regions.partitioner import Partitioner
from moe_ipi.regions.smooth_boxes import BoxTerms, SmoothBoxes
from moe_ipi.regions.switch import REACH, log_outside
from moe_ipi.typing import BoolArray, FloatArray, IntArray, Periodicity

#: A; with a narrower edge the bias is stiff: only on purpose.
_COMFORTABLE = 0.5
#: A.  Neighbour lists are reused while atoms move less than about half of it.
_SKIN = 1.0


@dataclass(frozen=True)
class Bias:
    """B_a in units of kT.

    Attributes:
        energy: B_a / kT.
        forces: (N, 3) 1/A.
        virial: (3, 3) -d(B_a / kT)/d(strain), of a strain e that takes r to r + e r.  It is not symmetric with slabs
            and boxes, which are not strained; strains that would tilt the planes of a slab are left out.
    """

    energy: float
    forces: FloatArray
    virial: FloatArray


@dataclass(frozen=True)
class _Terms:
    """Terms of ln(1 - s) of N atoms.

    Attributes:
        pairs: edges from seeds to other atoms.
        us: (P,) u of each.
        boxes: what slabs and boxes add.
        logs: (N,) ln(1 - s) of all atoms but seeds.
    """

    pairs: Edges
    us: FloatArray
    boxes: BoxTerms
    logs: FloatArray


class SmoothRegions:
    """Weights of the atoms of one system.

    Args:
        regions: with rules ``species``, ``indices``, ``slab`` and ``box`` only, and two radii.
        species: (N,) chemical symbols.

    Raises:
        ConfigError: the regions have no smooth weights; the message says why.
    """

    def __init__(self, regions: RegionsConfig, species: Sequence[str]) -> None:
        check_smooth(regions)
        partitioner = Partitioner(regions, species)
        self.seeds = partitioner.fixed_seeds()
        self.inner, self.width = regions.inner, regions.outer - regions.inner
        self._boxes = SmoothBoxes(regions)
        self._lists = NeighborLists(self.inner + REACH * self.width, _SKIN, centers=self.seeds)

    def log_bulk(self, positions: FloatArray, cell: FloatArray, pbc: Periodicity) -> FloatArray:
        """(N,) ln(1 - s) of each atom, -inf for seeds.

        Args:
            positions: (N, 3), A; need not be wrapped.
            cell: (3, 3), A, rows are lattice vectors.
            pbc: periodicity of the three directions.

        Raises:
            StructureError: the cell is singular or has collapsed.
            ConfigError: a slab or box does not suit the cell, see :meth:`SmoothBoxes.terms`.
        """
        sums = self._terms(positions, cell, pbc).logs
        sums[self.seeds] = -np.inf
        return sums

    def bias(self, positions: FloatArray, cell: FloatArray, pbc: Periodicity, assignment: BoolArray) -> Bias:
        """The bias of an assignment (N,) and its derivatives; other arguments as for :meth:`log_bulk`.

        Raises:
            StructureError: a complex atom is out of reach of the region, or a seed is not complex; and see there.
            ConfigError: see there.
        """
        if not assignment[self.seeds].all():
            raise StructureError("a seed of the complex region has the bulk expert: this assignment has no weight")
        terms = self._terms(positions, cell, pbc)
        pairs, sums = terms.pairs, terms.logs
        free = ~self.seeds
        lost = np.flatnonzero(assignment & free & (sums == 0.0))
        if len(lost):
            raise StructureError(
                f"the complex atom {lost[0]} (counted from 0) has left the region by more than its edge reaches: take "
                "shorter segments or a wider edge (radius_out - radius_in)"
            )
        energy = -float(sums[free & ~assignment].sum()) - float(log_complex(sums[free & assignment]).sum())
        # What multiplies d ln(1 - f) in d(B/kT).
        factors = np.where(assignment, 0.0, -1.0)
        chosen = assignment & free
        factors[chosen] = 1.0 / np.expm1(np.minimum(-sums[chosen], 700.0))
        forces, virial = _derivatives(
            positions, cell, pairs.centers, pairs.neighbors, pairs.shifts, terms.us, self.width, factors
        )
        forces -= factors[:, None] * terms.boxes.gradients
        virial -= (factors[:, None, None] * terms.boxes.strains).sum(axis=0)
        return Bias(energy, forces, virial)

    def _terms(self, positions: FloatArray, cell: FloatArray, pbc: Periodicity) -> _Terms:
        pairs, us = self._pairs(positions, cell, pbc)
        boxes = self._boxes.terms(positions, cell, pbc)
        return _Terms(pairs, us, boxes, _sum_logs(len(positions), pairs.neighbors, us) + boxes.logs)

    def _pairs(self, positions: FloatArray, cell: FloatArray, pbc: Periodicity) -> tuple[Edges, FloatArray]:
        """Edges from seeds to other atoms, and u of each (P,); see :mod:`moe_ipi.regions.switch`.

        They are sorted: whatever list they come from, sums are the same to the last bit.
        """
        if not self.seeds.any():
            return Edges(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros((0, 3))), np.zeros(0)
        edges = self._lists.edges(positions, cell, pbc)
        kept = ~self.seeds[edges.neighbors]
        pairs = Edges(edges.centers[kept], edges.neighbors[kept], edges.shifts[kept])
        squares = squared_distances(positions, cell, pairs.centers, pairs.neighbors, pairs.shifts)
        return pairs, (np.sqrt(squares) - self.inner) / self.width


def log_complex(log_bulk: FloatArray) -> FloatArray:
    """ln s from ln(1 - s), without cancellation at either end."""
    with np.errstate(divide="ignore"):
        result: FloatArray = np.log(-np.expm1(log_bulk))
    return result


def check_smooth(regions: RegionsConfig) -> None:
    """Raises:
    ConfigError: a rule without smooth weights, or no edge between the radii.
    """
    for number, rule in enumerate(regions.rules):
        if not isinstance(rule, (SpeciesRule, IndicesRule, SlabRule, BoxRule)):
            raise ConfigError(
                f'regions.rules.{number}: reassignment = "gibbs" needs atoms or places that do not change, and the '
                f"seeds of a rule of type '{rule.type}' do; use rules of type species, indices, slab or box, or "
                'reassignment = "rules"'
            )
    if not regions.rules:
        raise ConfigError('reassignment = "gibbs" needs at least one rule of type species, indices, slab or box')
    if regions.outer - regions.inner < 0.1:
        raise ConfigError(
            'reassignment = "gibbs" needs an edge in which atoms change from one expert to the other: give radius_in '
            "and radius_out, about 1 A apart"
        )
    if regions.dwell:
        raise ConfigError('regions.dwell has no place in reassignment = "gibbs", which remembers nothing: remove it')


def suits_drawing(regions: RegionsConfig) -> bool:
    """Whether ``reassignment = "auto"`` draws the assignments of such regions, if the run has a temperature."""
    try:
        check_smooth(regions)
    except ConfigError:
        return False
    return regions.outer - regions.inner >= _COMFORTABLE


@jit()
def _sum_logs(count: int, neighbors: IntArray, us: FloatArray) -> FloatArray:
    """(count,) for each atom the sum of ln(1 - f) over its pairs, whose u are given (P,)."""
    sums = np.zeros(count)
    for p in range(len(us)):
        value, _ = log_outside(us[p])
        sums[neighbors[p]] += value
    return sums


@jit()
def _derivatives(
    positions: FloatArray,
    cell: FloatArray,
    centers: IntArray,
    neighbors: IntArray,
    shifts: FloatArray,
    us: FloatArray,
    width: float,
    factors: FloatArray,
) -> tuple[FloatArray, FloatArray]:
    """Forces (N, 3) and virial (3, 3) if d(B/kT)/dr of a pair is ``factors`` of its atom times d ln(1 - f)/dr."""
    forces = np.zeros_like(positions)
    virial = np.zeros((3, 3))
    vector = np.empty(3)
    for p in range(len(us)):
        _, slope = log_outside(us[p])
        strength = -factors[neighbors[p]] * slope / width
        if strength == 0.0:
            continue
        for x in range(3):
            vector[x] = component(positions, cell, centers, neighbors, shifts, p, x)
        distance = np.sqrt((vector**2).sum())
        if distance == 0.0:
            continue
        for x in range(3):
            force = strength * vector[x] / distance
            forces[neighbors[p], x] += force
            forces[centers[p], x] -= force
            for y in range(3):
                virial[x, y] += force * vector[y]
    return forces, virial
