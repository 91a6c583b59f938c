"""Neighbour lists as sets, and by brute force."""

from __future__ import annotations

from itertools import product

import numpy as np

from moe_ipi.edges import Edges
from moe_ipi.frames import Frames, checked_frames

PERIODIC = (True, True, True)
TRICLINIC = np.array([[4.0, 0.0, 0.0], [1.5, 3.5, 0.0], [-1.0, 1.2, 4.5]])
PBCS = list(product((False, True), repeat=3))


def as_set(edges: Edges, keep: np.ndarray | None = None) -> set[tuple[int, ...]]:
    rows = np.column_stack((edges.centers, edges.neighbors, edges.shifts.astype(int)))
    rows = rows if keep is None else rows[keep]
    result = {tuple(row) for row in rows.tolist()}
    assert len(result) == len(rows), "an edge is listed twice"
    return result


def within(edges: Edges, positions, cell, cutoff: float) -> set[tuple[int, ...]]:
    """The edges within the cutoff; random positions leave none at the cutoff itself."""
    return as_set(edges, np.linalg.norm(edges.vectors(positions, cell), axis=1) <= cutoff)


def brute_force(positions, cell, pbc, cutoff: float, images: int) -> set[tuple[int, ...]]:
    found = set()
    for shift in product(*(range(-images, images + 1) if periodic else (0,) for periodic in pbc)):
        vectors = positions[None] + np.array(shift) @ cell - positions[:, None]
        close = np.linalg.norm(vectors, axis=-1) <= cutoff
        if not any(shift):
            np.fill_diagonal(close, False)
        found |= {(int(i), int(j), *shift) for i, j in zip(*np.nonzero(close), strict=True)}
    return found


def many_frames(count: int, seed: int = 10) -> Frames:
    """Frames that have nothing to do with each other, of ten atoms."""
    positions = np.random.default_rng(seed).uniform(0, 12, (count, 10, 3))
    return checked_frames(positions, np.repeat(12 * np.eye(3)[None], count, axis=0))


def shaken(frames: Frames, seed: int) -> Frames:
    moves = np.random.default_rng(seed).uniform(-0.01, 0.01, frames.positions.shape)
    return checked_frames(frames.positions + moves, frames.cells)
