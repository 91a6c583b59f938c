"""Seeds, growth and unions against their definitions."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, molecule
from hypothesis import given, settings
from hypothesis import strategies as st

from moe_ipi.config import RegionsConfig
from moe_ipi.errors import ConfigError, StructureError
from moe_ipi.regions.partitioner import Partitioner
from tests.helpers.partitions import (
    BOX,
    CENTROSYMMETRY,
    INDICES,
    RULES,
    SLAB,
    SPECIES,
    TRICLINIC,
    images,
    partition,
    random_atoms,
    slab_with_co,
)


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
        (np.zeros((2, 3)), np.eye(3), r"positions have the shape \(1, 2, 3\), expected \(frames, 3, 3\)"),
        (np.zeros((2, 3, 3)), np.ones((3, 3, 3)), r"cells have the shape \(3, 3, 3\), expected \(2, 3, 3\)"),
        (np.full((3, 3), np.nan), 9 * np.eye(3), "not finite"),
        (np.zeros((3, 3)), np.zeros((3, 3)), "lattice vector a is zero"),
    ],
)
def test_bad_structures(positions, cells, message):
    partitioner = Partitioner(RegionsConfig(radius=1.0, rules=[SPECIES]), ["C", "O", "Pt"])
    with pytest.raises(StructureError, match=message):
        partitioner.assign(positions, cells)
