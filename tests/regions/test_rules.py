"""Rules that look at the surroundings of an atom, or at what the experts say."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, fcc100
from ase.neighborlist import neighbor_list
from hypothesis import given, settings
from hypothesis import strategies as st

from moe_ipi.config import RegionsConfig
from moe_ipi.errors import ConfigError, StructureError
from moe_ipi.regions.partitioner import Partitioner
from tests.helpers.structures import slab

A = 3.92


def seeds(atoms: Atoms, **rule: object) -> np.ndarray:
    rule = {"type": "centrosymmetry", "species": ["Pt"], "cutoff": 3.6} | rule
    partitioner = Partitioner(RegionsConfig(radius=0.0, rules=[rule]), atoms.get_chemical_symbols())
    return partitioner.assign(atoms.positions, atoms.cell.array, atoms.pbc)


def by_definition(atoms: Atoms, cutoff: float, number: int) -> np.ndarray:
    """Centro-symmetry parameters; ties at the last neighbour do not occur."""
    i, lengths, vectors = neighbor_list("idD", atoms, cutoff)
    values = np.full(len(atoms), np.inf)
    for k in range(len(atoms)):
        near = vectors[i == k][np.argsort(lengths[i == k])][:number]
        if len(near) == number:
            sums = sorted(((a + b) ** 2).sum() for a, b in combinations(near, 2))
            values[k] = sum(sums[: number // 2])
    return values


@given(st.integers(0, 2**32 - 1), st.floats(0.5, 8.0))
@settings(max_examples=25, deadline=None)
def test_centrosymmetry_is_its_definition(seed: int, above: float) -> None:
    atoms = bulk("Pt", a=A, cubic=True) * 2
    atoms.rattle(0.25, seed=seed % 2**31)
    for number in (12, 8):
        expected = by_definition(atoms, 3.6, number) > above
        np.testing.assert_array_equal(seeds(atoms, above=above, neighbors=number), expected)


def test_centrosymmetry_knows_a_crystal_however_strained() -> None:
    atoms = bulk("Pt", a=A, cubic=True) * 2
    strain = np.eye(3) + np.array([[0.02, 0.01, 0.0], [0.01, -0.03, 0.02], [0.0, 0.02, 0.01]])
    atoms.set_cell(atoms.cell.array @ strain, scale_atoms=True)
    assert not seeds(atoms, above=1e-6).any()


def test_centrosymmetry_sees_only_its_species() -> None:
    """Other atoms, however near, are neither seeds nor neighbours."""
    atoms = bulk("Pt", a=A, cubic=True) * 3
    interstitial = atoms + Atoms("CC", positions=[[A / 2, 0, 0], [0, A / 4, A / 4]])
    assert not seeds(interstitial, above=1e-6).any()
    assert seeds(interstitial, above=1e-6, species=["Pt", "C"]).any()


def test_centrosymmetry_finds_a_surface() -> None:
    atoms = slab((3, 3, 5), a=A, vacuum=8.0)
    layers = np.round(atoms.positions[:, 2] / (A / np.sqrt(3))).astype(int)
    outside = (layers == layers.min()) | (layers == layers.max())
    np.testing.assert_array_equal(seeds(atoms, above=1.0), outside)


@pytest.mark.parametrize("cutoff", [3.6, 4.4])
@pytest.mark.parametrize("rattle", [0.0, 1e-9, 0.03])
def test_centrosymmetry_finds_the_neighbours_of_a_vacancy(cutoff: float, rattle: float) -> None:
    """Also where the second shell is within the cutoff and stands in for the missing neighbour."""
    atoms = bulk("Pt", a=A, cubic=True) * 3
    near = np.flatnonzero(atoms.get_distances(0, range(len(atoms)), mic=True) < 0.8 * A)
    del atoms[0]
    atoms.rattle(rattle, seed=3)
    np.testing.assert_array_equal(np.flatnonzero(seeds(atoms, above=2.0, cutoff=cutoff)), near[near > 0] - 1)


def test_centrosymmetry_of_a_stacking_fault_is_the_published_one() -> None:
    """ABCABCABCAB|AB...: on both sides of the intrinsic fault a layer has the same layer above and below.

    Kelchner et al.: 8.3 A^2 for gold (a = 4.08 A), which is a^2 / 2.
    """
    atoms = slab((2, 2, 11), element="Au", a=4.08, vacuum=None)
    atoms.cell[2, 2] = 11 * 4.08 / np.sqrt(3)
    faulty = np.repeat([True, *[False] * 9, True], 4)
    for above, expected in ((1e-6, faulty), (8.31, faulty), (8.34, np.zeros_like(faulty))):
        np.testing.assert_array_equal(seeds(atoms, species=["Au"], above=above), expected)


def test_atoms_with_too_few_neighbours_are_seeds() -> None:
    atoms = Atoms("PtPtC", positions=[[0, 0, 0], [2.7, 0, 0], [0, 2, 0]])
    np.testing.assert_array_equal(seeds(atoms, above=1e6), [True, True, False])


@given(st.permutations(range(5)))
@settings(max_examples=20, deadline=None)
def test_an_atom_whose_nearest_cannot_be_told_from_the_next_is_a_seed(order: list[int]) -> None:
    """A square of four neighbours of which two are asked for: which two must not depend on the order of the atoms."""
    atoms = Atoms("Pt5", positions=[[0, 0, 0], [2, 0, 0], [0, 2, 0], [-2, 0, 0], [0, -2, 0]])[order]
    center = order.index(0)
    assert seeds(atoms, above=1e6, neighbors=2, cutoff=2.5)[center]
    assert not seeds(atoms, above=0.1, neighbors=4, cutoff=2.5)[center]
    # Opposite ones the nearest by more than rounding: told apart, and symmetric.
    atoms.positions[order.index(1), 0] -= 1e-4
    atoms.positions[order.index(3), 0] += 1e-4
    assert not seeds(atoms, above=0.1, neighbors=2, cutoff=2.5)[center]


@given(st.integers(0, 2**32 - 1), st.sampled_from([4, 8, 10, 12]), st.sampled_from([3.6, 4.4]))
@settings(max_examples=40, deadline=None)
def test_centrosymmetry_of_ideal_structures_does_not_depend_on_order_and_rounding(
    seed: int, number: int, cutoff: float
) -> None:
    """A slab with a vacancy and an adatom, full of equal distances."""
    rng = np.random.default_rng(seed)
    atoms = slab((3, 3, 5), face=fcc100, a=A, vacuum=8.0, adsorbate="Pt", height=A / 2, site="hollow")
    del atoms[13]
    rule = {"above": float(rng.choice([0.01, 5.0, 9.0, 17.0])), "neighbors": number, "cutoff": cutoff}
    order = rng.permutation(len(atoms))
    other = atoms[order]
    other.positions += rng.integers(-20, 20, (len(atoms), 3)) @ atoms.cell.array
    other.positions += rng.uniform(-1e-9, 1e-9, other.positions.shape)
    np.testing.assert_array_equal(seeds(other, **rule), seeds(atoms, **rule)[order])


AGREEMENT = {"type": "agreement", "tolerance": 0.01}


def test_agreement_does_not_grow_and_is_a_union_over_frames() -> None:
    regions = RegionsConfig(radius=3.0, rules=[AGREEMENT, {"type": "species", "species": ["C"]}])
    partitioner = Partitioner(regions, ["Pt", "Pt", "C", "Pt"])
    positions = np.array([[[0, 0, 0], [2, 0, 0], [20, 0, 0], [22, 0, 0]]] * 2, float)
    disagreement = [[0.02, 0.0, 0.0, 0.0], [0.0, 0.01, 0.0, 0.0]]
    found = partitioner.assign(positions, np.zeros((3, 3)), (False,) * 3, disagreement=disagreement)
    np.testing.assert_array_equal(found, [True, False, True, True])


def test_agreement_without_the_experts() -> None:
    partitioner = Partitioner(RegionsConfig(radius=3.0, rules=[AGREEMENT]), ["Pt"])
    with pytest.raises(ConfigError, match=r"regions\.rules\.0: a rule of type 'agreement' needs the experts"):
        partitioner.assign(np.zeros((1, 3)), np.eye(3))


@pytest.mark.parametrize(
    ("disagreement", "message"),
    [
        (np.full((2, 2), np.nan), "not finite"),
        ([[0.0, np.inf], [0.0, 0.0]], "not finite"),
        (np.zeros((2, 1)), r"shape \(2, 2\), not \(2, 1\)"),
        (np.zeros(2), r"shape \(2, 2\), not \(1, 2\)"),
    ],
)
def test_agreement_is_never_taken_from_what_is_no_number(disagreement: object, message: str) -> None:
    partitioner = Partitioner(RegionsConfig(radius=3.0, rules=[AGREEMENT]), ["Pt", "Pt"])
    with pytest.raises(StructureError, match=message):
        partitioner.assign(np.zeros((2, 2, 3)), 9 * np.eye(3), disagreement=disagreement)
