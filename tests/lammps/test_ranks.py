"""What fails on one rank ends all, with one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers.processes import assert_one_error
from tests.helpers.ranks import on_ranks


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("rank", "rank 2: only here"),
        ("expert", "error: no energy"),
        pytest.param("bug", "unexpected KeyError", marks=pytest.mark.slow),
    ],
)
def test_no_rank_is_left_behind(tmp_path: Path, what: str, message: str) -> None:
    done = on_ranks(3, "tests.lammps.failing", what, cwd=tmp_path)
    assert done.returncode == 1
    assert_one_error(done.stderr, message)
