"""The picture shows which expert each atom has."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from matplotlib.colors import to_rgb
from matplotlib.image import imread

from moe_ipi.picture import BULK_COLOR, COMPLEX_COLOR, draw_assignment
from tests.helpers.structures import co_on_pt


def filled(atoms: Atoms, assignment: np.ndarray, path: Path) -> list[float]:
    """Which part of the picture, the white around it left out, has the colour of each expert."""
    draw_assignment(atoms, assignment, path)
    picture = imread(path)[:, :, :3]
    inked = (picture < 0.99).any(axis=2).sum()
    return [
        float((np.abs(picture - to_rgb(color)) < 0.01).all(axis=2).sum() / inked)
        for color in (COMPLEX_COLOR, BULK_COLOR)
    ]


@pytest.mark.parametrize("atoms", [bulk("C", "diamond", a=3.57, cubic=True).repeat(2), co_on_pt()], ids=["C", "CO"])
def test_the_fill_is_the_expert(atoms: Atoms, tmp_path: Path) -> None:
    """Whatever the element: nothing else is large."""
    half = atoms.positions[:, 0] < np.median(atoms.positions[:, 0])
    both = filled(atoms, half, tmp_path / "both.png")
    assert min(both) > 0.2 and sum(both) > 0.8
    assert filled(atoms, np.ones(len(atoms), bool), tmp_path / "one.png")[1] < 0.02
