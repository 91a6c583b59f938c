"""Loops over edges and lattice images, compiled by numba."""

from __future__ import annotations

import numpy as np

from moe_ipi.jit import jit
from moe_ipi.typing import BoolArray, FloatArray, IntArray


@jit()
def component(
    positions: FloatArray, cell: FloatArray, centers: IntArray, neighbors: IntArray, shifts: FloatArray, p: int, x: int
) -> float:
    """Component x (A) of the vector ``positions[neighbors] + shifts @ cell - positions[centers]`` of edge p."""
    d: float = positions[neighbors[p], x] - positions[centers[p], x]
    for k in range(3):
        # Rows of directions that are not periodic may hold anything, and their shifts are zero.
        if shifts[p, k] != 0.0:
            d += shifts[p, k] * cell[k, x]
    return d


@jit()
def squared_distances(
    positions: FloatArray, cell: FloatArray, centers: IntArray, neighbors: IntArray, shifts: FloatArray
) -> FloatArray:
    """(P,) squared lengths (A^2) of the edges, see :func:`component`."""
    squares = np.empty(len(centers))
    for p in range(len(centers)):
        total = 0.0
        for x in range(3):
            d = component(positions, cell, centers, neighbors, shifts, p, x)
            total += d * d
        squares[p] = total
    return squares


@jit()
def coordination(
    chosen: BoolArray, centers: IntArray, neighbors: IntArray, squares: FloatArray, reach: float
) -> IntArray:
    """(N,) number of chosen neighbours, images counted one by one, within ``reach`` (A) of each chosen atom."""
    counts = np.zeros(len(chosen), np.int64)
    for p in range(len(centers)):
        if chosen[centers[p]] and chosen[neighbors[p]] and squares[p] <= reach * reach:
            counts[centers[p]] += 1
    return counts


@jit()
def centrosymmetry(
    chosen: BoolArray,
    centers: IntArray,
    neighbors: IntArray,
    vectors: FloatArray,
    reach: float,
    number: int,
    tie: float,
) -> FloatArray:
    """(N,) centro-symmetry parameter (A^2) of the chosen atoms, infinite where there is none.

    Sum of the ``number / 2`` smallest abs(v + w)^2 over the pairs v, w of vectors to the nearest ``number`` chosen
    neighbours.  There is none with fewer neighbours, or where the next one is as near as the last of these, to within
    ``tie`` (A): the order of the atoms must not decide among them, and to admit all of them would pair the outer ones
    with each other and so hide a missing inner one.  Edges must be sorted by centre.
    """
    values = np.zeros(len(chosen))
    start = 0
    for i in range(len(chosen)):
        stop = start
        while stop < len(centers) and centers[stop] == i:
            stop += 1
        if chosen[i]:
            found = np.empty((stop - start, 3))
            lengths = np.empty(stop - start)
            n = 0
            for p in range(start, stop):
                length = np.sqrt((vectors[p] ** 2).sum())
                if chosen[neighbors[p]] and length <= reach:
                    found[n] = vectors[p]
                    lengths[n] = length
                    n += 1
            order = np.argsort(lengths[:n])
            if n < number or (n > number and lengths[order[number]] - lengths[order[number - 1]] <= tie):
                values[i] = np.inf
            else:
                near = found[order[:number]]
                sums = np.empty(number * (number - 1) // 2)
                k = 0
                for a in range(number):
                    for b in range(a):
                        sums[k] = ((near[a] + near[b]) ** 2).sum()
                        k += 1
                values[i] = np.sort(sums)[: number // 2].sum()
        start = stop
    return values


@jit()
def in_box(
    positions: FloatArray, lattice: FloatArray, first: IntArray, last: IntArray, low: FloatArray, high: FloatArray
) -> BoolArray:
    """(N,) whether some image ``position + n @ lattice`` lies in the box [low, high] (A, bounds included).

    ``first`` and ``last`` (N, 3) bound the n to be tried.  The last component is not tried one by
    one: along a line of images, those inside the box form an interval.
    """
    inside = np.zeros(len(positions), np.bool_)
    for i in range(len(positions)):
        for n0 in range(first[i, 0], last[i, 0] + 1):
            for n1 in range(first[i, 1], last[i, 1] + 1):
                start = float(first[i, 2])
                stop = float(last[i, 2])
                for x in range(3):
                    base = positions[i, x] + n0 * lattice[0, x] + n1 * lattice[1, x]
                    step = lattice[2, x]
                    if step == 0.0:
                        if base < low[x] or base > high[x]:
                            stop = start - 1.0
                    else:
                        one = (low[x] - base) / step
                        two = (high[x] - base) / step
                        start = max(start, min(one, two))
                        stop = min(stop, max(one, two))
                if np.ceil(start) <= np.floor(stop):
                    inside[i] = True
                    break
            if inside[i]:
                break
    return inside
