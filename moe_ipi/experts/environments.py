"""From edges and an assignment to the environments of one expert, and from its gradients back to forces.

Nothing here needs the positions of a whole frame but :func:`select_edges`: whoever has edge vectors from elsewhere
calls :func:`evaluate_in_chunks` and :func:`add_forces` alone.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from moe_ipi.errors import StructureError
from moe_ipi.experts.expert import Environments, Expert
from moe_ipi.jit import jit
from moe_ipi.threads import in_parallel, workers
from moe_ipi.typing import FloatArray, IntArray

#: So few edges are never divided.
SMALLEST_CHUNK = 1_000


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


def types_of(expert: Expert, symbols: Sequence[str]) -> IntArray:
    """(n,) the types of elements as the expert counts them; -1 for those that it does not know."""
    index = {symbol: k for k, symbol in enumerate(expert.species)}
    return np.array([index.get(symbol, -1) for symbol in symbols], dtype=np.int64)


def check_all_known(symbols: Iterable[str], complex: Expert, bulk: Expert, what: str) -> None:
    """Refuse elements that neither expert knows.

    Args:
        symbols: elements.
        complex, bulk: the experts.
        what: to be said of the elements, such as ``"the structure contains"``.

    Raises:
        StructureError: there is such an element.
    """
    unknown = sorted(set(symbols) - set(complex.species) - set(bulk.species))
    if unknown:
        known = tuple(dict.fromkeys(complex.species + bulk.species))
        raise StructureError(
            f"{what} {' '.join(unknown)}, but the experts know only {' '.join(known)}; "
            "use a model trained on these elements"
        )


def check_known(environments: Environments, name: str, expert: Expert, symbols: Iterable[str]) -> None:
    """Refuse environments that the expert cannot evaluate: it must know its atoms and their neighbours, and no others.

    Args:
        environments: of its atoms; -1 is the type of elements that it does not know.
        name: ``"complex"`` or ``"bulk"``.
        expert: the expert.
        symbols: the elements of the structure.

    Raises:
        StructureError: an atom is of an element that it does not know, or has such a neighbour.
    """
    if (environments.center_types < 0).any():
        where = "but has to evaluate such an atom"
    elif (environments.neighbor_types < 0).any():
        where = f"but such an atom is within {expert.cutoff:g} A, its cutoff, of one that it evaluates"
    else:
        return
    unknown = " ".join(sorted(set(symbols) - set(expert.species)))
    advice = f"make {'regions.radius at least this cutoff around them' if name == 'bulk' else 'the region smaller'}"
    raise StructureError(
        f"the {name} expert does not know {unknown}, {where}; {advice}, or use a model that knows them"
    )


def evaluate_in_chunks(
    expert: Expert, environments: Environments, chunk: int | None = None
) -> tuple[FloatArray, FloatArray]:
    """:meth:`Expert.evaluate` on about ``chunk`` edges at once (whole centres); by default the expert's own number.

    The chunks are equally large, as none is then left over that is too small for the expert to be fast.
    """
    n_edges = len(environments.centers)
    if chunk is None:
        # Few edges are one call whatever the number is, which may have to be measured first.
        chunk = n_edges if n_edges <= SMALLEST_CHUNK else expert.chunk
    if n_edges <= chunk:
        return expert.evaluate(environments)
    most = min(workers(), expert.concurrency)
    # So many that the threads end together.
    number = -(-n_edges // (chunk * most)) * most
    parts = in_parallel(expert.evaluate, list(_parts(environments, number)), most)
    energies, gradients = zip(*parts, strict=True)
    return np.concatenate(energies), np.concatenate(gradients)


def _parts(whole: Environments, number: int) -> Iterator[Environments]:
    """About so many equal parts, which are runs of whole centres."""
    n_edges, n_centers = len(whole.centers), len(whole.center_types)
    # first_edge[c] is the first edge of centre c.
    first_edge = np.searchsorted(whole.centers, np.arange(n_centers + 1))
    inner = np.searchsorted(first_edge, n_edges * np.arange(1, number) // number)
    bounds = np.unique(np.concatenate(([0], inner, [n_centers])))
    for start, stop in itertools.pairwise(bounds):
        edges = slice(first_edge[start], first_edge[stop])
        yield Environments(
            vectors=whole.vectors[edges],
            centers=whole.centers[edges] - start,
            center_types=whole.center_types[start:stop],
            neighbor_types=whole.neighbor_types[edges],
        )
