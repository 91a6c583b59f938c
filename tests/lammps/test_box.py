"""Cells as LAMMPS wants them."""

from __future__ import annotations

import numpy as np
import pytest

from moe_ipi.errors import StructureError
from moe_ipi.lammps.box import boxed

PERIODIC = (True, True, True)


@pytest.mark.parametrize("seed", range(20))
def test_the_same_structure_turned_and_wrapped(seed: int) -> None:
    rng = np.random.default_rng(seed)
    cell = rng.normal(size=(3, 3)) * 5 + np.diag(rng.choice([-8, 8], 3))
    positions = rng.normal(size=(7, 3)) * 30
    box = boxed(positions, cell, PERIODIC)
    np.testing.assert_allclose(box.rotation @ box.rotation.T, np.eye(3), atol=1e-14)
    assert np.linalg.det(box.rotation) == pytest.approx(1.0)
    assert not np.triu(box.cell, 1).any()
    assert (box.cell.diagonal() > 0).all()
    assert abs(box.tilts["xy"]) <= 0.5000001 * box.cell[0, 0]
    assert abs(box.tilts["xz"]) <= 0.5000001 * box.cell[0, 0]
    assert abs(box.tilts["yz"]) <= 0.5000001 * box.cell[1, 1]
    # The lattices are one: each is made of whole vectors of the other.
    whole = box.cell @ box.rotation.T @ np.linalg.inv(cell)
    np.testing.assert_allclose(whole, np.rint(whole), atol=1e-10)
    assert abs(np.linalg.det(whole)) == pytest.approx(1.0)
    moved = (box.positions @ box.rotation.T - positions) @ np.linalg.inv(cell)
    np.testing.assert_allclose(moved, np.rint(moved), atol=1e-10)
    fractions = box.positions @ np.linalg.inv(box.cell)
    assert fractions.min() > -1e-12
    assert fractions.max() < 1 + 1e-12


def test_what_is_in_order_stays_to_the_last_bit() -> None:
    cell = np.array([[9.0, 0, 0], [2.0, 8.0, 0], [-1.0, 3.0, 7.0]])
    positions = np.array([[0.1, 0.2, 0.3], [4.0, 5.0, 6.0]])
    box = boxed(positions, cell, PERIODIC)
    assert (box.positions == positions).all()
    assert (box.cell == cell).all()
    assert (box.rotation == np.eye(3)).all()


def test_directions_that_are_not_periodic_hold_all_atoms() -> None:
    positions = np.array([[0.0, 0.0, -50.0], [1.0, 9.0, 70.0]])
    box = boxed(positions, np.diag([6.0, 6.0, 0.0]), (True, True, False))
    low, high = box.bounds[2]
    assert low < -50.0
    assert high > 70.0
    assert box.positions[1] == pytest.approx([1.0, 3.0, 70.0])


def test_a_collapsed_cell_is_refused() -> None:
    with pytest.raises(StructureError, match="singular"):
        boxed(np.zeros((1, 3)), np.array([[5.0, 0, 0], [0, 5.0, 0], [5.0, 5.0, 0]]), PERIODIC)
