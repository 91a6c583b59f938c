"""What the assignment must not depend on."""

from __future__ import annotations

import numpy as np
from ase import Atoms
from ase.build import make_supercell
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.helpers.partitions import (
    BOX,
    CENTROSYMMETRY,
    COORDINATION,
    SLAB,
    SPECIES,
    TRICLINIC,
    images,
    partition,
    random_atoms,
    slab_with_co,
)


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
