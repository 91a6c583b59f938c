"""Structures are shown whole, and are the same structures."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, molecule

from moe_ipi.whole import whole
from tests.helpers.structures import co_on_pt


def torn(atoms: Atoms, seed: int = 1) -> Atoms:
    """The same structure, moved by a random vector and wrapped into its cell."""
    atoms = atoms.copy()
    atoms.positions += np.random.default_rng(seed).uniform(0, 1, 3) @ atoms.cell.array
    atoms.wrap()
    return atoms


def shown(atoms: Atoms) -> Atoms:
    """``whole``, of which every atom is at an image of itself."""
    result = whole(atoms)
    cells = np.linalg.solve(np.asarray(atoms.cell.complete()).T, (result.positions - atoms.positions).T)
    np.testing.assert_allclose(cells, np.round(cells), atol=1e-9)
    assert not np.round(cells).T[:, ~atoms.pbc].any()
    assert result.get_chemical_symbols() == atoms.get_chemical_symbols()
    return result


@pytest.mark.parametrize("seed", range(8))
def test_a_slab_is_in_one_piece_and_its_molecule_beside_it(seed: int) -> None:
    atoms = co_on_pt((3, 3, 3))
    atoms.positions[-1] += [0.6, 0.2, -0.2]
    thickness = float(np.ptp(atoms.positions[:, 2]))
    result = shown(torn(atoms, seed))
    assert np.ptp(result.positions[:, 2]) == pytest.approx(thickness)
    assert result.get_distance(-2, -1) == pytest.approx(atoms.get_distance(-2, -1))
    # The carbon stands on its platinum.
    assert result.get_distances(-2, range(27)).min() == pytest.approx(
        atoms.get_distances(-2, range(27), mic=True).min()
    )


def test_molecules_without_anything_else() -> None:
    box = Atoms(cell=[9.0, 9.0, 9.0], pbc=True)
    rng = np.random.default_rng(2)
    for k in range(8):
        water = molecule("H2O")
        water.rotate(rng.uniform(0, 360), rng.normal(size=3))
        water.positions += 4.5 * np.array([k % 2, k // 2 % 2, k // 4])
        box += water
    result = shown(torn(box))
    for k in range(8):
        assert result.get_distances(3 * k, [3 * k + 1, 3 * k + 2]) == pytest.approx([0.969, 0.969], abs=0.01)


def test_a_crystal_stays_in_its_cell() -> None:
    diamond = bulk("C", "diamond", a=3.57, cubic=True).repeat(2)
    result = shown(torn(diamond))
    assert np.ptp(result.get_scaled_positions(wrap=False), axis=0).max() < 1


def test_directions_that_are_not_periodic_and_no_cell() -> None:
    slab = co_on_pt((2, 2, 2))
    slab.pbc = (True, True, False)
    shown(slab)
    water = molecule("H2O")
    np.testing.assert_allclose(shown(water).positions, water.positions)
