"""What the experts were asked in the course of a run, and how much they disagreed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from moe_ipi.frames import Frames
from moe_ipi.typing import FloatArray

#: Who asked: a rule of type ``agreement``, the draw of an assignment, or the monitor.
Source = Literal["agreement", "gibbs", "monitor"]


@dataclass(frozen=True)
class Asked:
    """One structure, and how much the experts disagree on each of its atoms.

    Attributes:
        source: who asked.
        system: number of i-PI's system, counted from 0.
        bead: of the ring polymer that was asked about, counted from 0.
        nbeads: its number of beads: that of the system, 1 for the centroid, or that of a contracted force.
        positions: (N, 3) A.
        cell: (3, 3) A, rows are lattice vectors.
        disagreement: (N,), not negative.  eV: difference of the energies of the atom; from the monitor eV/A: length
            of the difference of the forces on it.  NaN for atoms that nobody asked about.
    """

    source: Source
    system: int
    bead: int
    nbeads: int
    positions: FloatArray
    cell: FloatArray
    disagreement: FloatArray


def asked_of_systems(
    source: Source, structures: Frames, nbeads: Iterable[int], disagreement: Sequence[FloatArray] | FloatArray
) -> list[Asked]:
    """Structures of all systems, one after the other, as :func:`moe_ipi.plugin.engine.frames` gives them.

    Args:
        source: who asked.
        structures: B beads, or centroids.
        nbeads: how many of them each system has.
        disagreement: (B, N), see :class:`Asked`.
    """
    places = [(system, bead, count) for system, count in enumerate(nbeads) for bead in range(count)]
    return [
        Asked(source, *place, positions, cell, found)
        for place, (positions, cell), found in zip(places, structures, disagreement, strict=True)
    ]
