"""From edges and an assignment to the environments of one expert, and from its gradients back to forces.

Nothing here needs the positions of a whole frame but :func:`select_edges`: whoever has edge vectors from elsewhere
calls :func:`evaluate_in_chunks` and :func:`add_forces` alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from moe_ipi.experts.expert import Environments, Expert
from moe_ipi.jit import jit
from moe_ipi.typing import FloatArray, IntArray

#: Edges handed to an expert at once: bounds memory (about 1 GB for a large model on the CPU).
MAX_EDGES = 100_000


@dataclass(frozen=True)
class OwnedEdges:
    """E edges of one frame whose centre an expert owns, none longer than its cutoff.

    Attributes:
        vectors: (E, 3) A, from centre to neighbour.
        centers: (E,) ascending: rank of the centre among the atoms that the expert owns.
        neighbors: (E,) index of the neighbour in the frame.
    """

    vectors: FloatArray
    centers: IntArray
    neighbors: IntArray


@jit()
def select_edges(
    positions: FloatArray,
    cell: FloatArray,
    centers: IntArray,
    neighbors: IntArray,
    shifts: FloatArray,
    rank: IntArray,
    cutoff: float,
) -> tuple[FloatArray, IntArray, IntArray]:
    """Edges of one frame whose centre an expert owns and which are not longer than its cutoff.

    Args:
        positions: (N, 3) A.
        cell: (3, 3) A, rows are lattice vectors.
        centers, neighbors: (P,) candidates, sorted by centre.
        shifts: (P, 3) lattice shifts of the neighbours.
        rank: (N,) index of an atom among those that the expert owns, -1 where it does not.
        cutoff: A.

    Returns:
        vectors (E, 3) A, ranks of the centres (E,), indices of the neighbours (E,).
    """
    n_edges = len(centers)
    vectors = np.empty((n_edges, 3))
    owners = np.empty(n_edges, dtype=np.int64)
    others = np.empty(n_edges, dtype=np.int64)
    n = 0
    limit = cutoff * cutoff
    for k in range(n_edges):
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


def packed(frames: list[OwnedEdges], atoms: IntArray, types: IntArray) -> Environments:
    """The environments of the atoms that an expert owns (n,) in all frames, one frame after the other.

    Args:
        frames: the edges of each frame.
        atoms: (n,) indices of the atoms.
        types: (N,) types of all atoms.
    """
    n = len(atoms)
    return Environments(
        vectors=np.concatenate([f.vectors for f in frames]),
        centers=np.concatenate([f.centers + b * n for b, f in enumerate(frames)]),
        center_types=np.tile(types[atoms], len(frames)),
        neighbor_types=types[np.concatenate([f.neighbors for f in frames])],
    )


def evaluate_in_chunks(
    expert: Expert, environments: Environments, max_edges: int = MAX_EDGES
) -> tuple[FloatArray, FloatArray]:
    """:meth:`Expert.evaluate` on at most ``max_edges`` edges at once (more if one centre has more)."""
    if len(environments.centers) <= max_edges:
        return expert.evaluate(environments)
    energies, gradients = [], []
    for chunk in _chunks(environments, max_edges):
        e, g = expert.evaluate(chunk)
        energies.append(e)
        gradients.append(g)
    return np.concatenate(energies), np.concatenate(gradients)


def _chunks(whole: Environments, max_edges: int) -> Iterator[Environments]:
    n_centers = len(whole.center_types)
    # first_edge[c] is the first edge of centre c: a chunk is a run of whole centres.
    first_edge = np.searchsorted(whole.centers, np.arange(n_centers + 1))
    start = 0
    while start < n_centers:
        stop = int(np.searchsorted(first_edge, first_edge[start] + max_edges, side="right")) - 1
        stop = min(max(stop, start + 1), n_centers)
        edges = slice(first_edge[start], first_edge[stop])
        yield Environments(
            vectors=whole.vectors[edges],
            centers=whole.centers[edges] - start,
            center_types=whole.center_types[start:stop],
            neighbor_types=whole.neighbor_types[edges],
        )
        start = stop
