"""(j) On paper: what ranks of LAMMPS send for images of 10^6 to 10^8 atoms."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.harness import Settings, Table

#: Bytes of three numbers in double precision: a position, or a force.
_VECTOR = 24
#: Bytes of an atom when lists are built anew: position, id, type and group mask, each a double in LAMMPS's buffers.
_BORDER = 48
#: Bytes of an atom that rank 0 of a driver sends to all (its position), and receives (id, energy, force).
ROOT_OUT, ROOT_BACK = 24, 40
#: Bytes of an atom that rank 0 of a script receives at the end of a segment (id, position), and sends (its expert).
SEGMENT_BACK, SEGMENT_OUT = 32, 1


@dataclass(frozen=True)
class Assumptions:
    """What the table is computed with.

    Attributes:
        density: atoms in a cubic A.
        cutoff, skin: A.
        steps_per_list: after how many steps lists are built anew.
        bandwidth: bytes a second that a rank sends or receives.
        cost: seconds of an atom, by expert.
        complex: share of the atoms that is complex.
    """

    density: float = 4.0 / 3.977**3
    cutoff: float = 6.0
    skin: float = 2.0
    steps_per_list: int = 20
    bandwidth: float = 1e9
    cost: tuple[float, float] = (690e-6, 115e-6)
    complex: float = 0.01


def box(atoms: float, assume: Assumptions) -> float:
    """Side (A) of a cubic part of space with so many atoms."""
    return (atoms / assume.density) ** (1.0 / 3.0)


def ghosts(atoms: float, assume: Assumptions) -> float:
    """Atoms of others within cutoff and skin of a cubic part of space with so many atoms."""
    side = box(atoms, assume)
    return assume.density * ((side + 2.0 * (assume.cutoff + assume.skin)) ** 3 - side**3)


def volume(atoms: float, assume: Assumptions) -> float:
    """Bytes that a rank with so many atoms receives and sends in a step.

    Positions of ghosts come, forces on them go home; when lists are built anew, ghosts come with all that they are.
    """
    return ghosts(atoms, assume) * (2 * _VECTOR + _BORDER / assume.steps_per_list)


def experts(atoms: float, assume: Assumptions) -> float:
    """Seconds of a step that the experts need for so many atoms."""
    complex, bulk = assume.cost
    return atoms * (assume.complex * complex + (1.0 - assume.complex) * bulk)


def ranks_table(assume: Assumptions) -> Table:
    """What a rank sends, by how many atoms it has: the same for an image of any size."""
    table = Table(
        "communication",
        "What a rank sends in a step, on paper",
        [
            "atoms of a rank",
            "box, A",
            "ghosts",
            "MB a step",
            "ms",
            "experts, ms",
            "share, %",
            *(f"ranks for 10^{power} atoms" for power in (6, 7, 8)),
        ],
        note=(
            f"Pt, {assume.density:.4f} atoms in a cubic A, cubic boxes, ghosts within {assume.cutoff:g} + "
            f"{assume.skin:g} A, {_VECTOR} bytes for a position and for a force, {_BORDER} more every "
            f"{assume.steps_per_list} steps, {assume.bandwidth / 1e9:g} GB/s for each rank; experts of "
            f"{1e3 * assume.cost[0]:.3f} and {1e3 * assume.cost[1]:.3f} ms an atom, {100 * assume.complex:g} % complex."
        ),
    )
    for atoms in (1_000, 10_000, 100_000):
        sent = volume(atoms, assume)
        time, work = sent / assume.bandwidth, experts(atoms, assume)
        ranks = [10**power // atoms for power in (6, 7, 8)]
        row = [box(atoms, assume), round(ghosts(atoms, assume)), sent / 1e6, 1e3 * time, 1e3 * work]
        table.rows.append([atoms, *row, 100.0 * time / (time + work), *ranks])
    return table


def root_table(assume: Assumptions) -> Table:
    """What passes through rank 0, and does not become less with more ranks."""
    table = Table(
        "communication",
        "What passes through rank 0, on paper",
        ["atoms", "a structure of a driver, MB", "s", "a segment of a script, MB", "s"],
        note=(
            f"A driver's root sends {ROOT_OUT} bytes for each atom to all and receives {ROOT_BACK}, for every "
            f"structure; i-PI's socket carries {2 * _VECTOR} more. A script's root receives {SEGMENT_BACK} bytes for "
            f"each atom, and sends {SEGMENT_OUT} if the assignment has changed, once a segment. "
            f"{assume.bandwidth / 1e9:g} GB/s."
        ),
    )
    for power in (6, 7, 8):
        structure, segment = (10**power * each for each in (ROOT_OUT + ROOT_BACK, SEGMENT_BACK + SEGMENT_OUT))
        row = [structure / 1e6, structure / assume.bandwidth, segment / 1e6, segment / assume.bandwidth]
        table.rows.append([10**power, *row])
    return table


def run(settings: Settings) -> list[Table]:
    """Arithmetic, in no time."""
    assume = Assumptions()
    return [ranks_table(assume), root_table(assume)]
