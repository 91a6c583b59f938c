"""Frames for a training, from the structures of a user."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, molecule
from ase.io import write

from moe_ipi.distill.structures import read_structures, with_copies
from moe_ipi.errors import StructureError


def test_frames_of_all_files_and_vacuum_where_there_is_no_period(tmp_path):
    write(tmp_path / "a.xyz", [bulk("Pt"), bulk("Pt", cubic=True)], format="extxyz")
    write(tmp_path / "b.xyz", molecule("CO"), format="extxyz")
    frames = read_structures([tmp_path / "a.xyz", tmp_path / "b.xyz"], ["Pt", "C", "O"], 5.0)
    assert [len(atoms) for atoms in frames] == [1, 4, 2] and all(atoms.pbc.all() for atoms in frames)
    assert np.isclose(frames[2].cell.lengths().min(), 10.0) and np.allclose(
        frames[2].get_distance(0, 1), 1.13, atol=0.05
    )
    (tmp_path / "c.xyz").write_text("nothing\n")
    with pytest.raises(StructureError, match=r"cannot read structures from '.*c\.xyz'"):
        read_structures([tmp_path / "c.xyz"], ["Pt"], 5.0)


@pytest.mark.parametrize(("number", "training", "validation"), [(3, 3 * 21, 6), (20, 18 * 21, 42)])
def test_copies_and_what_is_held_out(number, training, validation):
    structures = [bulk("Pt", a=3.9 + 0.01 * k, cubic=True) for k in range(number)]
    some, others = with_copies(structures, 20, strain=0.05, rattle=0.1, seed=3)
    assert (len(some), len(others)) == (training, validation)
    again, _ = with_copies(structures, 20, strain=0.05, rattle=0.1, seed=3)
    assert all(
        (a.positions == b.positions).all() and (a.cell == b.cell).all() for a, b in zip(some, again, strict=True)
    )
    if number >= 10:
        # No structure is in both, as itself.
        assert not {a.cell.volume for a in structures[::10]} & {a.cell.volume for a in some}
    stretched = np.array([a.cell.volume / structures[0].cell.volume for a in some[1:21]]) if number < 10 else np.ones(1)
    assert np.abs(stretched - 1).max() < 0.16


def test_as_many_copies_as_make_a_thousand_frames():
    assert (
        len(with_copies([Atoms("Pt", cell=np.eye(3) * 4, pbc=True)] * 50, None, strain=0, rattle=0, seed=1)[0]) == 900
    )
