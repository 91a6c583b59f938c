"""Rules about places, for atoms with periodic images."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms
from hypothesis import given, settings
from hypothesis import strategies as st

from moe_ipi.errors import ConfigError
from tests.helpers.partitions import (
    BOX,
    SLAB,
    SPECIES,
    images,
    partition,
    random_atoms,
    slab_with_co,
)


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
