"""From frames and an assignment to the stars of one expert, and from its gradients back to forces."""

from __future__ import annotations

import numpy as np

from moe_ipi.experts.expert import FloatArray, IntArray
from moe_ipi.jit import jit


@jit()
def select_edges(
    positions: FloatArray,
    cell: FloatArray,
    centers: IntArray,
    neighbors: IntArray,
    shifts: FloatArray,
    rank: IntArray,
    cutoff: float,
):
    """Edges of one frame whose centre an expert owns and which are not longer than its cutoff.

    Args:
        positions: (N, 3) A.
        cell: (3, 3) A, rows are lattice vectors.
        centers, neighbors: (P,) candidate pairs, sorted by centre.
        shifts: (P, 3) lattice shifts of the neighbours.
        rank: (N,) index of an atom among those that the expert owns, -1 where it does not.
        cutoff: A.

    Returns:
        vectors (E, 3) A, ranks of the centres (E,), indices of the neighbours (E,).
    """
    n_pairs = len(centers)
    vectors = np.empty((n_pairs, 3))
    owners = np.empty(n_pairs, dtype=np.int64)
    others = np.empty(n_pairs, dtype=np.int64)
    n = 0
    limit = cutoff * cutoff
    for k in range(n_pairs):
        i = centers[k]
        if rank[i] < 0:
            continue
        j = neighbors[k]
        length = 0.0
        for a in range(3):
            v = positions[j, a] - positions[i, a]
            for b in range(3):
                v += shifts[k, b] * cell[b, a]
            vectors[n, a] = v
            length += v * v
        if length <= limit:
            owners[n] = rank[i]
            others[n] = j
            n += 1
    return vectors[:n].copy(), owners[:n].copy(), others[:n].copy()


@jit()
def add_forces(
    forces: FloatArray,
    virial: FloatArray,
    vectors: FloatArray,
    gradients: FloatArray,
    centers: IntArray,
    neighbors: IntArray,
) -> None:
    """Add one frame's edge gradients to its forces (N, 3) and virial (3, 3), in place.

    With r_e = r_j - r_i and g_e = dE/dr_e: F_i += g_e, F_j -= g_e, W -= r_e (x) g_e
    (the strain derivative with its sign turned: every r_e is scaled by 1 + strain).
    """
    for e in range(len(centers)):
        i = centers[e]
        j = neighbors[e]
        for a in range(3):
            g = gradients[e, a]
            forces[i, a] += g
            forces[j, a] -= g
            for b in range(3):
                virial[b, a] -= vectors[e, b] * g
