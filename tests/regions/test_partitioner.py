"""Each rule against its definition, and what the assignment must not depend on."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from ase import Atoms
from ase.build import add_adsorbate, bulk, fcc111, make_supercell, molecule
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from moe_ipi.config import RegionsConfig
from moe_ipi.errors import ConfigError, StructureError
from moe_ipi.regions.partitioner import Partitioner

TRICLINIC = np.array([[5.0, 0.0, 0.0], [1.5, 4.5, 0.0], [-1.0, 1.2, 6.0]])

SPECIES = {"type": "species", "species": ["C", "O"]}
INDICES = {"type": "indices", "indices": [0, 3]}
COORDINATION = {"type": "coordination", "species": ["Pt"], "cutoff": 3.4, "below": 4}
SLAB = {"type": "slab", "axis": "z", "min": 1.1, "max": 2.3}
BOX = {"type": "box", "min": [0.2, -3.1, 1.3], "max": [2.9, 0.4, 3.6]}
CENTROSYMMETRY = {"type": "centrosymmetry", "species": ["Pt"], "neighbors": 4, "cutoff": 4.5, "above": 6.0}
RULES = [SPECIES, INDICES, COORDINATION, SLAB, BOX, CENTROSYMMETRY]


def partition(atoms: Atoms, radius: float, *rules: dict) -> np.ndarray:
    partitioner = Partitioner(RegionsConfig(radius=radius, rules=list(rules)), atoms.get_chemical_symbols())
    return partitioner.assign(atoms.positions, atoms.cell.array, atoms.pbc)


def random_atoms(seed: int, count: int = 12, pbc=True) -> Atoms:
    rng = np.random.default_rng(seed)
    symbols = rng.choice(["Pt", "Pt", "Pt", "C", "O"], count)
    return Atoms(symbols, scaled_positions=rng.uniform(-0.5, 1.5, (count, 3)), cell=TRICLINIC, pbc=pbc)


def images(atoms: Atoms, reach: int = 4) -> np.ndarray:
    """(M, N, 3) positions of images enough for lengths up to about 8 A from the origin's neighbourhood."""
    wrapped = atoms.copy()
    wrapped.wrap()
    ranges = [range(-reach, reach + 1) if periodic else (0,) for periodic in atoms.pbc]
    return wrapped.positions + (np.array(list(product(*ranges))) @ atoms.cell.array)[:, None]


def slab_with_co() -> Atoms:
    atoms = fcc111("Pt", (3, 3, 4), vacuum=7.0, periodic=True)
    add_adsorbate(atoms, Atoms("CO", [[0, 0, 0], [0, 0, 1.15]]), 1.9, "ontop")
    return atoms


def test_no_rules_give_all_bulk():
    assert not partition(slab_with_co(), 5.0).any()


def test_species():
    atoms = slab_with_co()
    np.testing.assert_array_equal(partition(atoms, 0.0, SPECIES), [s in "CO" for s in atoms.symbols])


def test_species_that_are_absent_give_no_seeds():
    absent = {"type": "coordination", "species": ["Au"], "cutoff": 3.0, "below": 20}
    assert not partition(bulk("Pt"), 4.0, SPECIES, absent).any()


def test_indices():
    np.testing.assert_array_equal(np.flatnonzero(partition(slab_with_co(), 0.0, INDICES)), [0, 3])


@given(st.integers(0, 2**32 - 1), st.floats(0.5, 7.0))
@settings(max_examples=30, deadline=None)
def test_growth(seed, radius):
    """Every atom with an image within the radius of a seed, by brute force."""
    atoms = random_atoms(seed)
    wrapped = atoms.copy()
    wrapped.wrap()
    seeds = np.isin(atoms.get_chemical_symbols(), ["C", "O"])
    vectors = images(atoms)[:, :, None] - wrapped.positions[seeds]
    expected = seeds | (np.linalg.norm(vectors, axis=-1) <= radius).any(axis=(0, 2))
    np.testing.assert_array_equal(partition(atoms, radius, SPECIES), expected)


def test_growth_includes_the_radius_itself():
    atoms = Atoms("CPtPt", positions=[[0, 0, 0], [3, 4, 0], [0, 0, -5.001]])
    np.testing.assert_array_equal(partition(atoms, 5.0, SPECIES), [True, True, False])


def test_growth_across_the_boundary():
    atoms = Atoms("CPtPt", positions=[[0.5, 5, 5], [9.5, 5, 5], [5, 5, 5]], cell=[10, 10, 10], pbc=True)
    np.testing.assert_array_equal(partition(atoms, 1.5, SPECIES), [True, True, False])
    atoms.pbc = (False, True, True)
    np.testing.assert_array_equal(partition(atoms, 1.5, SPECIES), [True, False, False])


def test_growth_is_from_seeds_only():
    atoms = Atoms("CPtPt", positions=[[0, 0, 0], [2, 0, 0], [4, 0, 0]])
    np.testing.assert_array_equal(partition(atoms, 2.5, SPECIES), [True, True, False])


@pytest.mark.parametrize("pbc", [(True, True, True), (True, True, False), (False, False, False)])
@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=15, deadline=None)
def test_slab_and_box(pbc, seed):
    """Some image inside, by brute force."""
    atoms = random_atoms(seed, pbc=pbc)
    found = images(atoms, reach=6)
    np.testing.assert_array_equal(
        partition(atoms, 0.0, SLAB), ((found[..., 2] >= 1.1) & (found[..., 2] <= 2.3)).any(axis=0)
    )
    inside = ((found >= BOX["min"]) & (found <= BOX["max"])).all(axis=-1).any(axis=0)
    np.testing.assert_array_equal(partition(atoms, 0.0, BOX), inside)


def test_slab_of_a_tilted_lattice():
    """A rotated cubic cell: the planes along z repeat every 0.8 A (edges project to 0, 2.4 and 3.2 A)."""
    cell = 4.0 * np.array([[1.0, 0.0, 0.0], [0.0, 0.8, 0.6], [0.0, -0.6, 0.8]])
    atoms = Atoms("Pt4", positions=[[0, 0, z] for z in (0.0, 0.3, 0.81, -7.75)], cell=cell, pbc=True)
    thin = {"type": "slab", "axis": "z", "min": 0.0, "max": 0.2}
    np.testing.assert_array_equal(partition(atoms, 0.0, thin), [True, False, True, False])
    assert partition(atoms, 0.0, {**thin, "max": 0.8}).all()


def test_slab_whose_images_lie_everywhere():
    cell = np.array([[4.0, 0, 0], [0, 4.0, 1.0], [0, 0, 2**0.5 * 3]])
    atoms = Atoms("Pt", positions=[[0, 0, 0]], cell=cell, pbc=True)
    with pytest.raises(ConfigError, match=r"^regions\.rules\.1\.axis: .*perpendicular to a lattice plane.*'box'$"):
        partition(atoms, 0.0, SPECIES, SLAB)
    assert not partition(atoms, 0.0, {**SLAB, "axis": "x"})[0]
    atoms.pbc = (True, True, False)
    assert partition(atoms, 0.0, {**SLAB, "min": 2.0})[0]
    assert not partition(atoms, 0.0, {**SLAB, "max": 1.9})[0]


@pytest.mark.parametrize(
    "rule",
    [
        {"type": "slab", "axis": "z", "min": 2.0, "max": 3.0},
        {"type": "box", "min": [0, 0, 2.0], "max": [10.0, 10.0, 3.0]},
    ],
)
@pytest.mark.parametrize("cells", [0, 1, -400])
def test_bounds_are_inclusive(rule, cells):
    """Also where wrapping has rounded the coordinate."""
    atoms = Atoms(
        "Pt4", positions=[[1, 1, z + cells * 7.3] for z in (2.0, 3.0, 1.99999, 3.00001)], cell=[7.3] * 3, pbc=True
    )
    np.testing.assert_array_equal(partition(atoms, 0.0, rule), [True, True, False, False])


@pytest.mark.timeout(20)
def test_a_box_may_be_endless_along_lattice_vectors():
    atoms = slab_with_co()
    top = atoms.positions[:, 2] > 12.0
    assert 0 < top.sum() < len(atoms)
    box = {"type": "box", "min": [-1e7, -1e7, 12.0], "max": [1e7, 1e7, 20.0]}
    np.testing.assert_array_equal(partition(atoms, 0.0, box), top)


@pytest.mark.parametrize("length", [7.9, 8.0, 8.5, 12.1, 1e6])
@pytest.mark.timeout(20)
def test_a_box_longer_than_the_cell_holds_no_less(length):
    """Atoms all along x: a box of at least the cell's 8 A holds an image of each, a shorter one does not."""
    x = np.arange(0.0, 8.0, 0.05)
    positions = np.column_stack((x, np.full_like(x, 1.0), np.full_like(x, 1.0)))
    atoms = Atoms(f"Pt{len(x)}", positions=positions, cell=[[8, 0, 0], [4, 7, 0], [1, 2, 9]], pbc=True)
    found = partition(atoms, 0.0, {"type": "box", "min": [0.32, 0.5, 0.5], "max": [0.32 + length, 1.5, 1.5]})
    np.testing.assert_array_equal(found, np.mod(x - 0.32, 8.0) <= length)
    assert found.all() == (length >= 8.0)


def test_an_endless_box_of_no_avail():
    atoms = Atoms("Pt", positions=[[0, 0, 3]], cell=[[4, 0.1, 0], [0.3, 4, 2**0.5], [1, 0.2, 5]], pbc=True)
    with pytest.raises(ConfigError, match=r"^regions\.rules\.0: the box holds"):
        partition(atoms, 0.0, {"type": "box", "min": [-1e6, -1e6, 0.0], "max": [1e6, 1e6, 0.1]})


def test_coordination_of_a_slab():
    """In fcc 12 neighbours, in a (111) surface 9."""
    atoms = slab_with_co()
    rule = {"type": "coordination", "species": ["Pt"], "cutoff": 3.3, "below": 10}
    np.testing.assert_array_equal(np.flatnonzero(partition(atoms, 0.0, rule)), [*range(9), *range(27, 36)])
    assert not partition(atoms, 0.0, {**rule, "below": 9}).any()
    assert partition(atoms, 0.0, {**rule, "below": 13})[:36].all()


def test_coordination_counts_only_its_species():
    """C saturates the platinum under it and is itself under-coordinated; O is not asked."""
    atoms = slab_with_co()
    rule = {"type": "coordination", "species": ["Pt", "C"], "cutoff": 3.3, "below": 10}
    found = partition(atoms, 0.0, rule)
    under = int(np.argmin(atoms.get_distances(36, range(36), mic=True)))
    assert not found[under]
    assert found[27:36].sum() == 8
    np.testing.assert_array_equal(found[36:], [True, False])


def test_coordination_counts_images_one_by_one():
    atoms = bulk("Pt")
    rule = {"type": "coordination", "species": ["Pt"], "cutoff": 3.3}
    assert not partition(atoms, 0.0, {**rule, "below": 12})[0]
    assert partition(atoms, 0.0, {**rule, "below": 13})[0]


def test_rules_combine_by_union():
    atoms = random_atoms(3)
    single = [partition(atoms, 0.0, rule) for rule in RULES]
    np.testing.assert_array_equal(partition(atoms, 0.0, *RULES), np.any(single, axis=0))
    assert not np.any(single, axis=0).all()


def test_frames_combine_by_union():
    frames = [random_atoms(k) for k in range(4)]
    symbols = frames[0].get_chemical_symbols()
    partitioner = Partitioner(RegionsConfig(radius=2.0, rules=[SLAB, BOX]), symbols)
    cells = np.array([TRICLINIC * scale for scale in (1.0, 0.95, 1.05, 1.1)])
    positions = np.array([frame.positions for frame in frames])
    single = [partitioner.assign(p, c) for p, c in zip(positions, cells, strict=True)]
    np.testing.assert_array_equal(partitioner.assign(positions, cells), np.any(single, axis=0))
    assert len({tuple(mask) for mask in single}) == 4


@given(st.integers(0, 2**32 - 1), st.floats(0.5, 5.0), st.floats(0.0, 2.0))
@settings(max_examples=30, deadline=None)
def test_hysteresis_is_its_definition(seed, inner, width):
    """Joins within the inner radius in any frame; stays within the outer one in any frame."""
    frames = [random_atoms(seed), random_atoms(seed + 1)]
    symbols = frames[0].get_chemical_symbols()
    previous = np.random.default_rng(seed).random(len(symbols)) < 0.5
    positions = np.array([frame.positions for frame in frames])

    def assign(previous=None, **radii):
        partitioner = Partitioner(RegionsConfig(rules=[SPECIES, SLAB, CENTROSYMMETRY], **radii), symbols)
        return partitioner.assign(positions, TRICLINIC, previous=previous)

    found = assign(previous, radius_in=inner, radius_out=inner + width)
    expected = assign(radius=inner) | (previous & assign(radius=inner + width))
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(assign(radius_in=inner, radius_out=inner + width), assign(radius=inner))


# Atoms away from every bound: what is compared below must not hang on rounding.
def safe(atoms: Atoms, radius: float) -> bool:
    distances = np.linalg.norm(images(atoms)[:, :, None] - images(atoms, 0)[0], axis=-1)
    near = np.abs(distances[..., None] - [radius, COORDINATION["cutoff"], CENTROSYMMETRY["cutoff"]]).min() < 1e-4
    return not near


unimodular = st.tuples(
    st.permutations(range(3)),
    st.lists(
        st.tuples(st.sampled_from([(0, 1), (0, 2), (1, 0), (1, 2), (2, 0), (2, 1)]), st.integers(-3, 3)), max_size=4
    ),
    st.booleans(),
)


def unimodular_matrix(parts) -> np.ndarray:
    order, shears, flip = parts
    matrix = np.eye(3, dtype=int)[list(order)] * (-1 if flip else 1)
    for (row, column), times in shears:
        matrix[row] += times * matrix[column]
    return matrix


@given(st.integers(0, 2**32 - 1), unimodular, st.floats(0.0, 3.5))
@settings(max_examples=60, deadline=None)
def test_invariant_to_wrapping_order_and_lattice_vectors(seed, parts, radius):
    rng = np.random.default_rng(seed)
    atoms = random_atoms(seed)
    assume(safe(atoms, radius))
    rules = [SPECIES, COORDINATION, SLAB, BOX, CENTROSYMMETRY]
    matrix = unimodular_matrix(parts)
    assert abs(round(np.linalg.det(matrix))) == 1
    for chosen in (*([rule] for rule in rules), rules):
        expected = partition(atoms, radius, *chosen)
        order = rng.permutation(len(atoms))
        other = atoms[order]
        other.positions += rng.integers(-50, 50, (len(atoms), 3)) @ TRICLINIC
        other.set_cell(matrix @ TRICLINIC)
        np.testing.assert_array_equal(partition(other, radius, *chosen), expected[order], str(chosen))


@given(st.integers(0, 2**32 - 1), st.floats(0.0, 3.5), st.sampled_from([(2, 1, 1), (1, 1, 2), (2, 2, 1)]))
@settings(max_examples=30, deadline=None)
def test_supercell(seed, radius, times):
    """Growth and coordination: in a supercell each image has the assignment of its original."""
    atoms = random_atoms(seed, count=6)
    assume(safe(atoms, radius))
    repeated = atoms.repeat(times)
    copies = len(repeated) // len(atoms)
    indices = [0, 2]
    everywhere = [int(i + k * len(atoms)) for k in range(copies) for i in indices]
    for rule, repeated_rule in (
        ({"type": "indices", "indices": indices}, {"type": "indices", "indices": everywhere}),
        (COORDINATION, COORDINATION),
        (CENTROSYMMETRY, CENTROSYMMETRY),
        (SPECIES, SPECIES),
    ):
        expected = np.tile(partition(atoms, radius, rule), copies)
        np.testing.assert_array_equal(partition(repeated, radius, repeated_rule), expected)


def test_supercell_of_a_slab_rule():
    """A slab parallel to the repeated vectors; make_supercell orders the atoms differently from repeat."""
    atoms = slab_with_co()
    supercell = make_supercell(atoms, [[2, 1, 0], [-1, 1, 0], [0, 0, 1]])
    rule = {"type": "slab", "axis": "z", "min": 13.0, "max": 20.0}
    height = atoms.positions[:, 2].round(3)
    expected = dict(zip(height, partition(atoms, 3.0, rule), strict=True))
    found = partition(supercell, 3.0, rule)
    np.testing.assert_array_equal(found, [expected[z] for z in supercell.positions[:, 2].round(3)])
    assert 0 < found.sum() < len(supercell)


def test_a_molecule_without_a_cell():
    atoms = molecule("CH3CH2OH")
    found = partition(atoms, 1.2, {"type": "species", "species": ["O"]})
    oxygen = atoms.get_chemical_symbols().index("O")
    np.testing.assert_array_equal(found, atoms.get_all_distances()[oxygen] <= 1.2)
    assert found.sum() == 2
    assert not partition(atoms, 1.2, {**BOX, "min": [50.0] * 3, "max": [60.0] * 3}).any()
    assert partition(atoms, 0.0, {**BOX, "min": [-50.0] * 3, "max": [60.0] * 3}).all()


@pytest.mark.parametrize("wrong", [38, 1000])
def test_an_index_out_of_range(wrong):
    regions = RegionsConfig(radius=1.0, rules=[SPECIES, {"type": "indices", "indices": [1, wrong]}])
    with pytest.raises(ConfigError, match=rf"^regions\.rules\.1\.indices: .*{wrong} among 38 atoms"):
        Partitioner(regions, slab_with_co().get_chemical_symbols())


@pytest.mark.parametrize(
    ("positions", "cells", "message"),
    [
        (np.zeros((2, 3)), np.eye(3), r"shape \(B, 3, 3\)"),
        (np.zeros((2, 3, 3)), np.ones((3, 3, 3)), r"shape \(2, 3, 3\)"),
        (np.full((3, 3), np.nan), 9 * np.eye(3), "not finite"),
        (np.zeros((3, 3)), np.zeros((3, 3)), "lattice vector a is zero"),
    ],
)
def test_bad_structures(positions, cells, message):
    partitioner = Partitioner(RegionsConfig(radius=1.0, rules=[SPECIES]), ["C", "O", "Pt"])
    with pytest.raises(StructureError, match=message):
        partitioner.assign(positions, cells)
