"""Data files: what is in them, and that they are read back as the same structure."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from moe_ipi.lammps.data import data_text
from moe_ipi.structure import read_template
from tests.helpers.case import Case
from tests.helpers.processes import one_error
from tests.helpers.structures import random_mask

Command = Callable[..., tuple[int, str, str]]


def test_read_back(case: Case, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(case.folder)
    status, out, _ = command("lammps", "data", "init.xyz", "-c", "moe.toml", "-o", "slab.lmp")
    mask = case.assignment()
    assert status == 0
    assert out.startswith(f"slab.lmp: 10 atoms, {mask.sum()} of them complex;")
    assert "pair_coeff * * Pt C O" in out
    lines = (case.folder / "slab.lmp").read_text().splitlines()
    start = lines.index("Atoms # atomic") + 2
    types = np.array([line.split()[1] for line in lines[start : start + 10]], int)
    np.testing.assert_array_equal(types > 3, mask)
    back = read_template(case.folder / "slab.lmp")
    assert back.get_chemical_symbols() == case.species
    np.testing.assert_allclose(
        back.get_all_distances(mic=True), case.atoms.get_all_distances(mic=True), rtol=0, atol=1e-9
    )


def test_velocities_are_in_lammps_s_units(case: Case) -> None:
    """One ASE unit of velocity is 98.2269 A/ps."""
    case.atoms.set_velocities(np.ones((10, 3)))
    text = data_text(case.atoms, random_mask(10, 1))
    last = text.splitlines()[-1].split()
    assert text.count("Velocities") == 1
    assert last[0] == "10"
    assert [float(v) for v in last[1:]] == pytest.approx([98.22695] * 3, rel=1e-6)


def test_rules_that_need_another_orientation(case: Case, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(case.folder)
    config = (case.folder / "moe.toml").read_text()
    rule = '{ type = "slab", axis = "z", min = 8.0, max = 12.0 }'
    (case.folder / "slab.toml").write_text(config.replace('{ type = "species", species = ["C", "O"] }', rule))
    case.atoms.write("straight.xyz")
    case.atoms.rotate(90, "x", rotate_cell=True)
    case.atoms.write("turned.xyz")
    assert command("lammps", "data", "straight.xyz", "-c", "slab.toml")[0] == 0
    assert "LAMMPS turns this cell" in one_error(command("lammps", "data", "turned.xyz", "-c", "slab.toml"))


def test_a_file_that_cannot_be_written(case: Case, command: Command, tmp_path: Path) -> None:
    where = tmp_path / "no" / "folder.lmp"
    result = command("lammps", "data", str(case.template), "-c", str(case.folder / "moe.toml"), "-o", str(where))
    assert "cannot write" in one_error(result)
