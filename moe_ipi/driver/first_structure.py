"""Is the template the structure that i-PI runs?  It is compared with the first one that arrives at a driver.

Refused is what no dynamics does: a cell in other units, another cell, atoms in another order.  What a long run may well
have done (diffusion, strain, melting, reactions) is at most worth a line.
"""

from __future__ import annotations

import numpy as np
from ase import Atoms

from moe_ipi.cell import completed_cell
from moe_ipi.driver.atom_order import compare_order, nearest_image
from moe_ipi.errors import StructureError
from moe_ipi.frames import Frames
from moe_ipi.typing import BoolArray, FloatArray
from moe_ipi.units import BOHR

#: Lengths in the units of the other: how often the first structure may be as large as the template by mistake.
_FACTORS = (1.0 / BOHR, BOHR)
_UNITS_TOLERANCE = 0.03
#: Relative change of a length or an angle that makes it another cell.
_OTHER_CELL = 0.25
#: Radians: what rounding in a file turns a cell by.
_ROUNDED = 1e-3
#: The order of more atoms is not looked at, as it would take more than a blink.
_MOST_ATOMS = 50_000
_SAMPLE = 2000


def compare_with_template(
    template: Atoms, frames: Frames, *, oriented_rules: bool | str, known_order: bool = False
) -> str | None:
    """Compare the template with the first structure, in any frame of reference.

    Args:
        template: as the driver has it.
        frames: what has arrived first; beads count by their mean.
        oriented_rules: the axes along which this driver's rules measure (``"z"``, ``"xyz"``, see
            :attr:`moe_ipi.config.RegionsConfig.oriented_axes`), ``""`` or ``False`` if it depends on none, as for
            structures that come with their assignment; ``True`` stands for all.
        known_order: the server has told the elements of its atoms, and they are the template's.

    Returns:
        A line for the user if something is suspicious, else ``None``.

    Raises:
        StructureError: the template is another structure: other units, another cell, one that is turned while rules
            depend on its orientation, or atoms in another order.
    """
    if len(frames) == 0 or frames.positions.shape[1] != len(template) or len(template) == 0:
        return None
    periodic = np.array(frames.pbc) & template.pbc
    pbc = (bool(periodic[0]), bool(periodic[1]), bool(periodic[2]))
    before, now = np.array(template.cell.array), np.array(frames.cells[0])
    try:
        completed_cell(before, pbc)
        completed_cell(now, pbc)
    except StructureError:
        # The evaluation says so, in its own words.
        return None
    note = None
    if periodic.any():
        before, note = _same_lattice(before, now, periodic)
        if note is not None:
            return note
    mapping = _mapping(before, now, periodic)
    axes = oriented_rules if isinstance(oriented_rules, str) else "xyz" * oriented_rules
    _check_orientation(mapping, axes)
    cell = _completed(now, periodic)
    positions = _mean(frames, cell, periodic)
    sites = template.positions @ mapping
    _check_distances(template.positions, sites, positions)
    if len(template) > _MOST_ATOMS:
        return None
    return compare_order(template.numbers, sites, positions, cell, periodic, known_order=known_order)


def _same_lattice(before: FloatArray, now: FloatArray, periodic: BoolArray) -> tuple[FloatArray, str | None]:
    """The cell of the template in terms of the vectors that i-PI uses, and a line if that cannot be told."""
    old, new = _lengths_and_angles(before, periodic), _lengths_and_angles(now, periodic)
    count = int(periodic.sum())
    ratios = new[:count] / old[:count]
    angles_differ = bool((abs(new[count:] / old[count:] - 1) > _OTHER_CELL).any())
    for factor in _FACTORS:
        if not angles_differ and (abs(ratios / factor - 1) < _UNITS_TOLERANCE).all():
            raise _other_units("the cell that i-PI sends is", float(ratios.mean()), "that of the template")
    if not (angles_differ or (abs(ratios - 1) > _OTHER_CELL).any()):
        return before, None
    # The same lattice may be written with other vectors.
    whole = np.eye(3)
    whole[np.ix_(periodic, periodic)] = np.round(now[periodic] @ np.linalg.pinv(before[periodic]))
    again = whole @ np.where(periodic[:, np.newaxis], before, 0.0)
    error = np.linalg.norm((again - now)[periodic], axis=1)
    if abs(abs(np.linalg.det(whole)) - 1) < 1e-6 and (error < 0.05 * new[:count]).all():
        return again, None
    if periodic.all() and _alike(before, now):
        return before, (
            "the template describes its lattice by other vectors than i-PI, and was not compared with the first "
            "structure: make sure that it is the structure that i-PI starts from"
        )
    raise StructureError(
        f"the cell that i-PI sends ({_numbers(new)}) is not that of the template ({_numbers(old)}; A and degrees): "
        "give the structure that i-PI starts from as the template"
    )


def _alike(before: FloatArray, now: FloatArray) -> bool:
    """Whether two cells may span the same lattice, turned: their reduced vectors are alike."""
    lengths, cosines = [], []
    for cell in (before, now):
        try:
            reduced = Atoms(cell=cell, pbc=True).cell.minkowski_reduce()[0]
        except RuntimeError:  # ASE gives up on extreme cells
            return True
        lengths.append(np.sort(reduced.lengths()))
        cosines.append(np.sort(abs(np.cos(np.radians(reduced.angles())))))
    return bool((abs(lengths[1] / lengths[0] - 1) < _OTHER_CELL).all() and (abs(cosines[1] - cosines[0]) < 0.05).all())


def _lengths_and_angles(cell: FloatArray, periodic: BoolArray) -> FloatArray:
    """Lengths (A) of the periodic vectors, then the angles (degrees) between them."""
    vectors = cell[periodic]
    lengths = np.linalg.norm(vectors, axis=1)
    units = vectors / lengths[:, np.newaxis]
    pairs = [(i, j) for i in range(len(units)) for j in range(i)]
    angles = [float(np.degrees(np.arccos(np.clip(units[i] @ units[j], -1, 1)))) for i, j in pairs]
    return np.concatenate([lengths, angles])


def _numbers(values: FloatArray) -> str:
    return " ".join(f"{value:.2f}" for value in values)


def _other_units(what: str, ratio: float, of: str) -> StructureError:
    return StructureError(
        f"{what} {ratio:.3f} times {of}: one was read as bohr, the other as angstrom; write the units into the file "
        "(in the comment of an xyz: positions{angstrom} cell{angstrom}), and give i-PI and the driver the same one"
    )


def _completed(cell: FloatArray, periodic: BoolArray) -> FloatArray:
    """The cell with unit normals for two periodic directions, so that turned cells are completed alike."""
    if periodic.sum() != 2:
        return completed_cell(cell, (bool(periodic[0]), bool(periodic[1]), bool(periodic[2])))
    complete = np.array(cell)
    free = int(np.flatnonzero(~periodic)[0])
    normal = np.cross(cell[(free + 1) % 3], cell[(free + 2) % 3])
    complete[free] = normal / np.linalg.norm(normal)
    return complete


def _mapping(before: FloatArray, now: FloatArray, periodic: BoolArray) -> FloatArray:
    """(3, 3) F with ``before @ F = now`` for the periodic vectors: what positions of the template are multiplied by."""
    if periodic.sum() < 2:
        # An axis alone does not tell a rotation about it: i-PI turns nothing that is not periodic.
        return np.eye(3)
    return np.asarray(np.linalg.solve(_completed(before, periodic), _completed(now, periodic)), np.float64)


def _check_orientation(mapping: FloatArray, axes: str) -> None:
    left, stretch, right = np.linalg.svd(mapping)
    rotation = left @ right
    # A shear that keeps a along x turns by half of itself, and is no rotation.
    allowed = 2.0 * float(abs(stretch - 1).max()) + _ROUNDED
    turned = [
        axis for axis in axes if abs(rotation[:, "xyz".index(axis)] - np.eye(3)["xyz".index(axis)]).max() > allowed
    ]
    if turned:
        raise StructureError(
            "the template is turned against the cell that i-PI sends (i-PI turns cells so that a is along x), and "
            f"slab or box rules measure along {', '.join(sorted(set(turned)))}: they are measured in i-PI's frame; "
            "write them in it, and give a structure that i-PI has written (such as PREFIX.template.xyz of moe-ipi run) "
            "as the template"
        )


def _mean(frames: Frames, cell: FloatArray, periodic: BoolArray) -> FloatArray:
    """(N, 3) the mean over the frames that have the first one's cell, wherever their atoms are wrapped to."""
    first = frames.positions[0]
    others = [r for r, h in frames if np.array_equal(h, frames.cells[0])][1:]
    moved = np.zeros_like(first)
    for positions in others:
        moved += nearest_image(positions - first, cell, periodic)
    return np.asarray(first + moved / (len(others) + 1))


def _check_distances(template: FloatArray, sites: FloatArray, positions: FloatArray) -> None:
    """Positions in other units than the template's, where the cell does not tell."""
    count = len(sites)
    if count < 3:
        return
    random = np.random.default_rng(0)
    first = random.integers(count, size=_SAMPLE)
    second = (first + random.integers(1, count, size=_SAMPLE)) % count
    before = np.linalg.norm(template[first] - template[second], axis=1)
    now = np.linalg.norm(positions[first] - positions[second], axis=1)
    apart = before > 0.1
    if not apart.any():
        return
    ratios = now[apart] / before[apart]
    for factor in _FACTORS:
        if (abs(ratios / factor - 1) < 2 * _UNITS_TOLERANCE).mean() > 0.9 and (
            abs(np.median(ratios) / factor - 1) < _UNITS_TOLERANCE
        ):
            raise _other_units(
                "distances in the structure that i-PI sends are", float(np.median(ratios)), "those in the template"
            )
