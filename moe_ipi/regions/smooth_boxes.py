"""Smooth edges of slabs and boxes, which stay where they are in space: what they add to ln(1 - s) of each atom.

An image of an atom belongs to a box with the weight F = prod_k f(u_k) over its faces, where u_k is
(d_k - inner) / width, d_k the signed distance beyond face k (negative inside), and f the step of
:mod:`moe_ipi.regions.switch`.  Images are independent of each other, as seeds are: ln(1 - s) has a term ln(1 - F) for
each box and image.  A slab is a box without four of its faces, and its images differ along the axis only.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from moe_ipi.config import BoxRule, RegionsConfig, SlabRule
from moe_ipi.errors import ConfigError
from moe_ipi.jit import jit
from moe_ipi.regions.images import images_near, reduced_lattice
from moe_ipi.regions.rules import slab_period
from moe_ipi.regions.switch import REACH, SMALLEST, log_inside, log_outside
from moe_ipi.typing import BoolArray, FloatArray, IntArray, Periodicity

#: So many images of one atom come near a box only if it is by far larger than the cell, which is a mistake.
_MOST_IMAGES = 1000


@dataclass(frozen=True)
class BoxTerms:
    """Terms of ln(1 - s) and their derivatives.

    Attributes:
        logs: (N,) sum of ln(1 - F) over all boxes and images.
        gradients: (N, 3) 1/A, its derivative by the position of the atom.
        strains: (N, 3, 3) its derivative by a strain e that takes r to r + e r, and the lattice with it.  Strains that
            would tilt the planes of a slab have none: zero is given.
    """

    logs: FloatArray
    gradients: FloatArray
    strains: FloatArray


class SmoothBoxes:
    """The rules ``slab`` and ``box`` of a ``[regions]`` table, and its two radii."""

    def __init__(self, regions: RegionsConfig) -> None:
        self._inner, self._width = regions.inner, regions.outer - regions.inner
        self._rules = [
            (f"regions.rules.{number}", rule)
            for number, rule in enumerate(regions.rules)
            if isinstance(rule, (SlabRule, BoxRule))
        ]

    def terms(self, positions: FloatArray, cell: FloatArray, pbc: Periodicity) -> BoxTerms:
        """All terms, zero without rules.

        Args:
            positions: (N, 3), A; need not be wrapped.
            cell: (3, 3), A, rows are lattice vectors.
            pbc: periodicity of the three directions.

        Raises:
            ConfigError: a slab without images at equal distances, or a slab or box far larger than the cell.
            StructureError: the cell is singular or has collapsed.
        """
        count = len(positions)
        terms = BoxTerms(np.zeros(count), np.zeros((count, 3)), np.zeros((count, 3, 3)))
        reach = self._inner + REACH * self._width
        for key, rule in self._rules:
            if isinstance(rule, SlabRule):
                faces = np.array([rule.axis == axis for axis in "xyz"])
                low, high = np.where(faces, rule.min, 0.0), np.where(faces, rule.max, 0.0)
                period = slab_period(rule, cell[np.array(pbc)], key)
                along = (bool(faces[0]), bool(faces[1]), bool(faces[2])) if period else (False, False, False)
                lattice = np.diag(np.where(along, period, 1.0))
            else:
                faces = np.ones(3, bool)
                low, high = np.array(rule.min), np.array(rule.max)
                lattice, along = reduced_lattice(cell, pbc), pbc
            first, last, spread = images_near(positions, lattice, along, low - reach, high + reach)
            tried = np.prod(2 * spread + 1)
            if tried > _MOST_IMAGES:
                raise ConfigError(
                    f"{key}: the {rule.type} and its edge hold {tried:.1g} images of the cell; make it smaller"
                )
            _add_terms(
                positions,
                lattice,
                first.astype(np.int64),
                last.astype(np.int64),
                faces,
                low,
                high,
                self._inner,
                self._width,
                terms.logs,
                terms.gradients,
                terms.strains,
            )
        return terms


@jit()
def log_outside_all(us: FloatArray, slopes: FloatArray) -> float:
    """ln(1 - F) with F = prod_k f(u_k); ``slopes`` (K,) receives its derivatives by the u_k (K,).

    Their sum is at most ``SLOPE``: each is a slope of a single step times the probability that an atom outside of any
    face is outside of this one alone.
    """
    logs = np.empty(len(us))
    top = -np.inf
    product = 1.0
    for k in range(len(us)):
        logs[k], slopes[k] = log_outside(us[k])
        top = max(top, logs[k])
        product *= -math.expm1(logs[k])
    if product >= 0.5:
        # With g_k = 1 - f_k, 1 - F grows by g_k (1 - g) with each face: no cancellation; in units of the largest g_k,
        # which may underflow.
        scale = math.exp(top)
        g = 0.0
        for k in range(len(us)):
            g += math.exp(logs[k] - top) * (1.0 - scale * g)
        for k in range(len(us)):
            slopes[k] *= product / -math.expm1(logs[k]) * math.exp(logs[k] - top) / g
        return top + math.log(g)
    total = 0.0
    for k in range(len(us)):
        value, slopes[k] = log_inside(us[k])
        total += value
    product = math.exp(total)
    if product < SMALLEST:
        slopes[:] = 0.0
        return 0.0
    for k in range(len(us)):
        slopes[k] *= -product / (1.0 - product)
    return math.log1p(-product)


@jit()
def _add_terms(
    positions: FloatArray,
    lattice: FloatArray,
    first: IntArray,
    last: IntArray,
    faces: BoolArray,
    low: FloatArray,
    high: FloatArray,
    inner: float,
    width: float,
    logs: FloatArray,
    gradients: FloatArray,
    strains: FloatArray,
) -> None:
    """Add the terms of one box [low, high] to the arrays of :class:`BoxTerms`.

    ``first`` and ``last`` (N, 3) bound the images ``position + n @ lattice`` to be tried; ``faces`` (3,) are the axes
    along which the box has faces.
    """
    axes = np.flatnonzero(faces)
    image = np.empty(3)
    us = np.empty(2 * len(axes))
    slopes = np.empty(2 * len(axes))
    for i in range(len(positions)):
        for n0 in range(first[i, 0], last[i, 0] + 1):
            for n1 in range(first[i, 1], last[i, 1] + 1):
                for n2 in range(first[i, 2], last[i, 2] + 1):
                    near = True
                    for k in range(len(axes)):
                        x = axes[k]
                        image[x] = positions[i, x] + n0 * lattice[0, x] + n1 * lattice[1, x] + n2 * lattice[2, x]
                        us[2 * k] = (low[x] - image[x] - inner) / width
                        us[2 * k + 1] = (image[x] - high[x] - inner) / width
                        near = near and us[2 * k] < REACH and us[2 * k + 1] < REACH
                    if not near:
                        continue
                    logs[i] += log_outside_all(us, slopes)
                    for k in range(len(axes)):
                        gradient = (slopes[2 * k + 1] - slopes[2 * k]) / width
                        gradients[i, axes[k]] += gradient
                        for y in axes:
                            strains[i, axes[k], y] += gradient * image[y]
