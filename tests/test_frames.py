"""The door for structures: whatever does not fit is refused there, in one line."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms

from moe_ipi.errors import StructureError
from moe_ipi.frames import PERIODIC, Frames, checked_assignment, checked_frames, frames_of

R, H = np.arange(12.0).reshape(2, 2, 3), np.array([5.0 * np.eye(3), 6.0 * np.eye(3)])


def with_value(array: np.ndarray, index: tuple[int, ...], value: float) -> np.ndarray:
    array = array.copy()
    array[index] = value
    return array


def test_what_fits_goes_through() -> None:
    frames = checked_frames(R.tolist(), H.astype(int), [1, 0, True])
    assert isinstance(frames, Frames) and len(frames) == 2
    assert frames.pbc == (True, False, True) and all(type(flag) is bool for flag in frames.pbc)
    for array, given in ((frames.positions, R), (frames.cells, H)):
        assert array.dtype == np.float64 and array.flags.c_contiguous
        np.testing.assert_array_equal(array, given)
    for (r, h), given_r, given_h in zip(frames, R, H, strict=True):
        np.testing.assert_array_equal(r, given_r)
        np.testing.assert_array_equal(h, given_h)
    assert checked_frames(R, H).pbc == PERIODIC == (True, True, True)
    assert len(checked_frames(R, H, natoms=2)) == 2


@pytest.mark.parametrize(
    ("positions", "cells", "pbc", "message"),
    [
        (R[0], H, PERIODIC, r"positions have the shape \(2, 3\), expected \(frames, 2, 3\)"),
        (R[:, :, :2], H, PERIODIC, r"positions have the shape \(2, 2, 2\), expected \(frames, 2, 3\)"),
        (R[:, :1], H, PERIODIC, r"positions have the shape \(2, 1, 3\), .*: 1 atoms, but 2 in the template"),
        (R, H[0], PERIODIC, r"cells have the shape \(3, 3\), expected \(2, 3, 3\)"),
        (R, H[:1], PERIODIC, r"cells have the shape \(1, 3, 3\), expected \(2, 3, 3\)"),
        (R, H[:, :2], PERIODIC, r"cells have the shape \(2, 2, 3\), expected \(2, 3, 3\)"),
        (R, H, (True, True), r"pbc must be three booleans, not \(True, True\)"),
        (R, H, True, "pbc must be three booleans, not True"),
        (with_value(R, (1, 1, 0), np.nan), H, PERIODIC, "position of atom 1 is not finite.*smaller time step"),
        (with_value(R, (0, 0, 2), -np.inf), H, PERIODIC, "position of atom 0 is not finite"),
        (R, with_value(H, (1, 1, 1), np.inf), PERIODIC, "a cell is not finite.*smaller time step"),
        (R, with_value(H, (0, 2, 0), np.nan), (False, False, True), "a cell is not finite"),
    ],
)
def test_every_refusal(positions: object, cells: object, pbc: object, message: str) -> None:
    with pytest.raises(StructureError, match=message) as caught:
        checked_frames(positions, cells, pbc, natoms=2)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("positions", [np.zeros(6), np.zeros((2, 2, 2)), np.zeros((1, 1, 2, 3))])
def test_the_number_of_atoms_need_not_be_known(positions: np.ndarray) -> None:
    with pytest.raises(StructureError, match=r"expected \(frames, atoms, 3\)"):
        checked_frames(positions, H)


def test_vectors_of_directions_that_are_not_periodic_mean_nothing() -> None:
    frames = checked_frames(R, with_value(H, (0, 2, 0), np.nan), (True, True, False))
    assert np.isfinite(frames.cells).all()
    np.testing.assert_array_equal(frames.cells[:, :2], H[:, :2])


def test_the_caller_s_arrays_do_not_change() -> None:
    cells = with_value(H, (0, 2, 0), np.nan)
    before = cells.copy()
    checked_frames(R, cells, (True, True, False))
    np.testing.assert_array_equal(cells, before)


def test_one_structure_of_ase() -> None:
    atoms = Atoms("PtC", R[0], cell=[5, 6, 7], pbc=(True, False, True))
    frames = frames_of(atoms)
    assert len(frames) == 1 and frames.pbc == (True, False, True)
    np.testing.assert_array_equal(frames.positions[0], atoms.positions)
    np.testing.assert_array_equal(frames.cells[0], atoms.cell.array)
    atoms.positions[1] = np.nan
    with pytest.raises(StructureError, match="position of atom 1 is not finite"):
        frames_of(atoms)


def test_an_assignment_is_one_boolean_per_atom() -> None:
    mask = checked_assignment([True, False], 2)
    assert mask.dtype == bool and mask.tolist() == [True, False]
    for wrong in ([0, 1], [1.0, 0.0], [[True, False]], ["True"]):
        with pytest.raises(StructureError, match=r"one boolean per atom \(got .*expected bool.*for a list of indices"):
            checked_assignment(wrong)
    with pytest.raises(StructureError, match="the assignment is of 2 atoms, and the structure has 3"):
        checked_assignment([True, False], 3)
