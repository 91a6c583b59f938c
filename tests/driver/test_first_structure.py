"""The template against the first structure: what must be refused, and what a run may well have done."""

from __future__ import annotations

import re

import ase.io
import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, molecule
from hypothesis import given, settings
from hypothesis import strategies as st

from moe_ipi.config import RegionsConfig
from moe_ipi.driver.first_structure import compare_with_template
from moe_ipi.errors import StructureError
from moe_ipi.frames import Frames, checked_frames, frames_of
from moe_ipi.units import BOHR
from tests.helpers.structures import co_on_pt, displaced


def alloy(size: int = 4, seed: int = 1) -> Atoms:
    """A random alloy in a rocksalt-like order of its file: every species everywhere."""
    atoms = bulk("Pt", "fcc", a=3.92, cubic=True) * (size, size, size)
    atoms.symbols[np.random.default_rng(seed).random(len(atoms)) < 0.3] = "Cu"
    return atoms


def compare(template: Atoms, *now: Atoms, rules: bool | str = "", known_order: bool = False) -> str | None:
    frames = checked_frames([atoms.positions for atoms in now], [atoms.cell.array for atoms in now], template.pbc)
    return compare_with_template(template, frames, oriented_rules=rules, known_order=known_order)


def scaled(atoms: Atoms, factor: float, *, cell: bool = True) -> Atoms:
    atoms = atoms.copy()
    atoms.positions *= factor
    if cell:
        atoms.cell *= factor
    return atoms


def as_sorted(atoms: Atoms) -> Atoms:
    """As a POSCAR has it: one element after the other."""
    return atoms[np.argsort(atoms.symbols, kind="stable")]


def turned(atoms: Atoms, angle: float, axis: object) -> Atoms:
    atoms = atoms.copy()
    atoms.rotate(angle, axis, rotate_cell=True)
    return atoms


@pytest.mark.parametrize("factor", [BOHR, 1 / BOHR])
def test_other_units(factor):
    for atoms in (co_on_pt(), alloy(), molecule("CH3CH2OH")):
        with pytest.raises(StructureError, match=r"(is|are) (0\.5[23]|1\.(88|89))") as caught:
            compare(atoms, scaled(displaced(atoms, 2, 0.002), factor))
        assert "one was read as bohr, the other as angstrom; write" in str(caught.value)
    with pytest.raises(
        StructureError, match=r"distances in the structure that i-PI sends are .* positions\{angstrom\}"
    ):
        compare(atoms, scaled(atoms, factor, cell=False))
    slab = co_on_pt()
    slab.pbc = (True, True, False)
    with pytest.raises(StructureError, match="as bohr"):
        compare(slab, scaled(slab, factor))


def test_positions_alone_in_other_units():
    atoms = co_on_pt()
    with pytest.raises(StructureError, match="distances in the structure"):
        compare(atoms, scaled(atoms, 1 / BOHR, cell=False))


def test_another_cell():
    atoms = co_on_pt()
    other = atoms.copy()
    other.cell[2] *= 1.3
    with pytest.raises(StructureError, match=r"is not that of the template .*; A and degrees\): give the structure"):
        compare(atoms, other)
    other.cell[2] = atoms.cell[2] + 1.5 * atoms.cell[0]
    with pytest.raises(StructureError, match="is not that of the template"):
        compare(atoms, other)
    # A direction that is not periodic has no length.
    atoms.pbc = (True, True, False)
    assert compare(atoms, other) is None


def test_another_order():
    atoms = alloy()
    assert compare(atoms, atoms) is None
    # At the start the sites are exact; in a continued run the order of a sorted file tells.
    for now in (as_sorted(atoms), as_sorted(displaced(atoms, 3, 0.15))):
        with pytest.raises(
            StructureError, match=r"\d+ of 256 atoms sit where .*: the template has its atoms in another"
        ):
            compare(atoms, now)
    slab = co_on_pt()
    for now in (as_sorted(slab), as_sorted(turned(slab, 40, "z"))):
        with pytest.raises(StructureError, match="in another order than i-PI"):
            compare(slab, now)
    ethanol = molecule("CH3CH2OH")
    with pytest.raises(StructureError, match="in another order than i-PI"):
        compare(ethanol, as_sorted(ethanol))


def test_the_poscar_that_gave_346_ev():
    """C and O first in the template, last in i-PI's file."""
    slab = co_on_pt((2, 2, 3))
    with pytest.raises(
        StructureError, match=r"4 of 14 atoms .* \(atom 0, counted from 0, is C in the template, .* has Pt\)"
    ):
        compare(as_sorted(slab), slab, slab)


def test_what_a_run_does_is_no_evidence():
    rng = np.random.default_rng(5)
    for atoms in (co_on_pt((3, 3, 3)), alloy(3), molecule("CH3CH2OH")):
        assert compare(atoms, displaced(atoms, 1, 0.15)) is None
        beads = [displaced(atoms, seed, 0.3) for seed in range(32)]
        assert compare(atoms, *beads) is None
        moved = atoms.copy()
        moved.positions += [40.0, -3.3, 1.7]
        assert compare(atoms, moved) is None
        if atoms.pbc.all():
            strained = atoms.copy()
            strained.set_cell(atoms.cell.array @ (np.eye(3) + np.tril(rng.normal(0, 0.03, (3, 3)))), scale_atoms=True)
            assert compare(atoms, strained, rules=True) is None
            wrapped = [bead.copy() for bead in beads]
            for bead in wrapped:
                bead.wrap()
            assert compare(atoms, *wrapped) is None
            far = atoms.copy()
            far.positions += rng.integers(-3, 4, (len(atoms), 3)) @ atoms.cell.array
            assert compare(atoms, far) is None


def test_permutation_within_a_species():
    atoms = bulk("Pt", "fcc", a=3.92, cubic=True) * (3, 3, 3)
    now = atoms[np.random.default_rng(1).permutation(len(atoms))]
    assert compare(atoms, now) is None


def test_a_long_run_is_worth_a_line():
    atoms = alloy()
    liquid = atoms.copy()
    liquid.positions += np.random.default_rng(2).normal(0, 4.0, liquid.positions.shape)
    assert "right for a run that is continued" in compare(atoms, liquid)
    # Ten pairs have changed places, as in a Monte Carlo of exchanges.
    hot = displaced(atoms, 4, 0.15)
    a, b = (np.flatnonzero(atoms.symbols == symbol)[:10] for symbol in ("Pt", "Cu"))
    hot.positions[np.concatenate([a, b])] = hot.positions[np.concatenate([b, a])]
    assert "right if they have changed places" in compare(atoms, hot)
    # CO that has turned over.
    slab = co_on_pt()
    over = displaced(slab, 1, 0.1)
    over.positions[[-2, -1]] = over.positions[[-1, -2]]
    assert "right if they have changed places" in compare(slab, over)


def test_turned_cells():
    """i-PI turns what ASE reads so that a is along x."""
    slab = co_on_pt()
    ipi = displaced(slab, 1, 0.05)
    for template in (turned(slab, 30, "z"), turned(slab, 77, (1, 2, 3))):
        assert compare(template, ipi) is None
        with pytest.raises(StructureError, match=r"template is turned against .* measure along x, y"):
            compare(template, ipi, rules=True)
    # A rotation about z leaves a slab along z where it is.
    assert compare(turned(slab, 30, "z"), ipi, rules="z") is None
    with pytest.raises(StructureError, match="measure along y: "):
        compare(turned(slab, 30, "z"), ipi, rules="y")


def test_atoms_that_have_changed_places():
    """As i-PI's exchange of atoms leaves them: right, if the server has told its elements, which are the template's."""
    atoms = alloy()
    now = atoms.copy()
    first, second = (int(np.flatnonzero(atoms.symbols == symbol)[0]) for symbol in ("Pt", "Cu"))
    now.positions[[first, second]] = now.positions[[second, first]]
    note = compare(atoms, now, known_order=True)
    assert note is not None and re.search(r"^2 of 256 atoms sit where .*: they have changed places$", note)
    with pytest.raises(StructureError, match=r"give i-PI's own file .a late one of a run that exchanges atoms"):
        compare(atoms, now)


def test_the_same_lattice_in_other_words():
    slab = co_on_pt((3, 3, 3))
    slab.rattle(0.02, seed=7)
    other = slab.copy()
    other.set_cell(np.array([[1, 0, 0], [-1, 1, 0], [0, 0, 1]]) @ slab.cell.array)
    assert other.cell.angles()[2] == pytest.approx(120)
    assert compare(slab, other, rules=True) is None
    with pytest.raises(StructureError, match="another order"):
        compare(slab, as_sorted(other))
    assert "by other vectors than i-PI" in compare(turned(slab, 50, (1, 1, 0)), other)


def test_rules_that_depend_on_the_orientation():
    slab = {"type": "slab", "axis": "z", "min": 0.0, "max": 1.0}
    box = {"type": "box", "min": [0, 0, 0], "max": [1, 1, 1]}
    species = {"type": "species", "species": ["C"]}
    for rules, axes in (
        ([species], ""),
        ([slab, species], "z"),
        ([slab, box], "xyz"),
        ([slab, {**slab, "axis": "x"}], "xz"),
    ):
        assert RegionsConfig(radius=1.0, rules=rules).oriented_axes == axes


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 7), st.integers(1, 4))
def test_nothing_else_is_raised(seed, natoms, beads):
    rng = np.random.default_rng(seed)
    pbc = rng.random(3) < 0.6
    size = 10.0 ** rng.uniform(-2, 4)
    cell = rng.normal(size=(3, 3)) * size * 10.0 ** rng.uniform(-1, 1, (3, 1)) * (rng.random((3, 1)) < 0.95)
    symbols = rng.choice(["H", "Pt", "Cu"], natoms)
    template = Atoms(symbols, positions=rng.normal(size=(natoms, 3)) * size, cell=cell, pbc=pbc)
    cells = np.array([cell * rng.choice([1.0, 0.0, 1.05, 1.9])] * beads) + rng.choice([0, 0.01]) * rng.normal(
        size=(3, 3)
    )
    positions = template.positions * rng.choice([1, 1.89]) + rng.normal(size=(beads, natoms, 3)) * rng.choice([0, size])
    frames = checked_frames(positions, cells, pbc)
    try:
        note = compare_with_template(template, frames, oriented_rules=bool(rng.random() < 0.5))
    except StructureError as error:
        note = str(error)
    assert note is None or (note and "\n" not in note)


def test_other_numbers_of_atoms_are_somebody_elses_matter():
    atoms = alloy(1)
    assert compare_with_template(atoms, frames_of(atoms[1:]), oriented_rules=True) is None
    nothing = Frames(np.zeros((0, 4, 3)), np.zeros((0, 3, 3)), (True, True, True))
    assert compare_with_template(atoms, nothing, oriented_rules=True) is None


def test_files(tmp_path):
    """The rounding of files is no evidence of anything."""
    slab = co_on_pt()
    for name in ("a.cif", "a.xyz", "a.pdb", "POSCAR"):
        ase.io.write(tmp_path / name, slab)
        assert compare(ase.io.read(tmp_path / name), slab, rules=True) is None
