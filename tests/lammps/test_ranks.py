"""What fails on one rank ends all, with one line."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.helpers.configs import MOE_TOML
from tests.helpers.processes import assert_one_error, wait_until
from tests.helpers.ranks import on_ranks, ranks_in, script_on_ranks
from tests.helpers.scripts import READ, STYLE, data_file, script
from tests.helpers.structures import co_on_pt


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("rank", "rank 1: only here"),
        ("expert", "error: no energy"),
        pytest.param("bug", "unexpected KeyError", marks=pytest.mark.slow),
    ],
)
def test_no_rank_is_left_behind(tmp_path: Path, what: str, message: str) -> None:
    done = on_ranks(2, "tests.lammps.failing", what, cwd=tmp_path)
    assert done.returncode == 1
    assert_one_error(done.stderr, message)


@pytest.mark.parametrize("who", ["rank", "mpiexec"])
def test_a_killed_process_takes_the_others_with_it(tmp_path: Path, who: str) -> None:
    """Whatever they are doing: one of them or ``mpiexec`` itself is gone at once."""
    case = data_file(tmp_path, MOE_TOML, co_on_pt((3, 3, 3), rattle=0.05))
    log = case.folder / "log.lammps"
    endless = script(case, READ + STYLE + "thermo_modify flush yes\nrun 100000000\n")
    with script_on_ranks(2, endless, "--", "-screen", "none") as child:
        wait_until(lambda: log.exists() and "v_cons" in log.read_text().split("Per MPI rank")[-1], 60.0)
        ranks = ranks_in(case.folder)
        assert len(ranks) == 2
        os.kill(ranks[-1] if who == "rank" else child.pid, signal.SIGKILL)
        assert child.wait(timeout=30.0) != 0
        wait_until(lambda: not ranks_in(case.folder), 30.0)
    assert "Traceback" not in child.log.read_text()
