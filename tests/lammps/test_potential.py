"""The potential on LAMMPS and MPI is the potential."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers.configs import MOE_TOML
from tests.helpers.ranks import on_ranks


def differences(ranks: int, config: str | Path, folder: Path) -> dict[str, list[float]]:
    """Of energies (eV), energies of atoms, forces (eV/A) and virials (eV), by the name of the structure."""
    done = on_ranks(ranks, "tests.lammps.parity", config, cwd=folder)
    assert done.returncode == 0, done.stderr
    rows = [line.split("\t") for line in done.stdout.splitlines()]
    return {name: [float(number) for number in numbers] for name, *numbers in rows}


@pytest.mark.parametrize("ranks", [1, 2, 4])
def test_equal_whatever_the_number_of_ranks(tmp_path: Path, ranks: int) -> None:
    (tmp_path / "moe.toml").write_text(MOE_TOML)
    found = differences(ranks, tmp_path / "moe.toml", tmp_path)
    assert len(found) == 20
    assert max(map(max, found.values())) < 1e-10, found


@pytest.mark.slow
def test_the_shipped_pair(tmp_path: Path) -> None:
    """Its energies are computed in single precision, in another order."""
    found = differences(2, "pt-co", tmp_path)
    assert 0.0 < max(map(max, found.values())) < 1e-3, found
    assert found["pt-co"][2] < 2e-5, found
