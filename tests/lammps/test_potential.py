"""The potential on LAMMPS and MPI is the potential."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers.configs import MOE_TOML
from tests.helpers.ranks import differences


@pytest.mark.parametrize("ranks", [1, 2, pytest.param(3, marks=pytest.mark.slow), 4])
def test_equal_whatever_the_number_of_ranks(tmp_path: Path, ranks: int) -> None:
    (tmp_path / "moe.toml").write_text(MOE_TOML)
    found = differences(ranks, tmp_path / "moe.toml", tmp_path)
    assert len(found) == 20
    assert max(map(max, found.values())) < 1e-10, found


def test_the_shipped_pair(tmp_path: Path) -> None:
    """Its energies are computed in single precision, in another order."""
    found = differences(2, "pt-co", tmp_path, "first")
    assert 0.0 < max(found["moe"]) < 1e-3, found
    assert found["moe"][2] < 2e-5, found
