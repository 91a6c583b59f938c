"""Rules that look at the surroundings of an atom, or at what the experts say."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, fcc111, stack
from ase.neighborlist import neighbor_list
from hypothesis import given, settings
from hypothesis import strategies as st

from moe_ipi.config import RegionsConfig
from moe_ipi.errors import ConfigError
from moe_ipi.regions.partitioner import Partitioner

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


def test_centrosymmetry_finds_a_surface() -> None:
    slab = fcc111("Pt", (3, 3, 5), a=A, vacuum=8.0, periodic=True)
    layers = np.round(slab.positions[:, 2] / (A / np.sqrt(3))).astype(int)
    outside = (layers == layers.min()) | (layers == layers.max())
    np.testing.assert_array_equal(seeds(slab, above=1.0), outside)


def test_centrosymmetry_finds_the_neighbours_of_a_vacancy() -> None:
    atoms = bulk("Pt", a=A, cubic=True) * 3
    near = np.flatnonzero(atoms.get_distances(0, range(len(atoms)), mic=True) < 0.8 * A)
    del atoms[0]
    np.testing.assert_array_equal(np.flatnonzero(seeds(atoms, above=1.0)), near[near > 0] - 1)


def test_centrosymmetry_finds_a_stacking_fault() -> None:
    """ABCABC|BCABCA...: at each of the two faults of the periodic stack two layers lack inversion symmetry."""
    one = fcc111("Pt", (1, 1, 6), a=A, periodic=True)
    one.cell[2, 2] = 6 * A / np.sqrt(3)
    other = one.copy()
    other.positions[:, :2] += one.cell.array[0, :2] / 3 + one.cell.array[1, :2] / 3
    atoms = stack(one, other, axis=2)
    atoms.pbc = True
    values = by_definition(atoms, 3.6, 12)
    faulty = values > 1.0
    assert 0 < faulty.sum() < len(atoms)
    np.testing.assert_array_equal(seeds(atoms, above=1.0), faulty)


def test_atoms_with_too_few_neighbours_are_seeds() -> None:
    atoms = Atoms("PtPtC", positions=[[0, 0, 0], [2.7, 0, 0], [0, 2, 0]])
    np.testing.assert_array_equal(seeds(atoms, above=1e6), [True, True, False])


def test_neighbours_at_the_same_distance_all_take_part() -> None:
    """A square of four neighbours of which two are asked for: any pair of opposite ones gives zero."""
    atoms = Atoms("Pt5", positions=[[0, 0, 0], [2, 0, 0], [0, 2, 0], [-2, 0, 0], [0, -2, 0]])
    for order in ([0, 1, 2, 3, 4], [0, 2, 1, 4, 3], [0, 1, 3, 2, 4]):
        assert not seeds(atoms[order], above=0.1, neighbors=2, cutoff=2.5)[0]


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
