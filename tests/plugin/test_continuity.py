"""A checkpoint is continued with what it was made with, or on purpose with something else."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from moe_ipi.config import load_config
from moe_ipi.inband.identity import identity_of
from moe_ipi.inband.token import Token, checksum, encode
from moe_ipi.plugin.continuity import ChangedError, changes_since
from tests.helpers.adaptive import ledger, write_input
from tests.helpers.case import Case
from tests.helpers.configs import ANALYTIC, AROUND_CO, CHANGING
from tests.helpers.moe_ipi_run import run, run_to_end
from tests.helpers.processes import wait_for

SPECIES = ["Pt", "C", "O"]
TOKENS = [encode(Token(k, np.arange(3) >= k)) for k in range(3)]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """With a ledger of three segments of ten steps."""
    monkeypatch.chdir(tmp_path)
    lines = [f"{10 * k} {k} 1 {checksum(token)} now 0.0 in=- out=-\n" for k, token in enumerate(TOKENS)]
    (tmp_path / "out.moe_ledger").write_text("# ledger\n" + "".join(lines))
    (tmp_path / "moe.toml").write_text(ANALYTIC + AROUND_CO)
    return tmp_path


def changes(folder: Path, *, stored: str | None = None, step: int = 20, token: str = TOKENS[2], accept: bool = False):
    now = identity_of(load_config(folder / "moe.toml"), SPECIES)
    stored = now.encode() if stored is None else stored
    return changes_since(stored, now, prefix="out", step=step, token=token, accept=accept)


def test_the_same_goes_on(folder: Path) -> None:
    assert changes(folder) == []
    assert changes(folder, step=15, token=TOKENS[1]) == []
    (folder / "out.moe_ledger").unlink()
    assert changes(folder) == []


def test_other_experts_and_regions_are_named(folder: Path) -> None:
    stored = identity_of(load_config(folder / "moe.toml"), SPECIES).encode()
    swapped = (ANALYTIC + AROUND_CO).replace('"bulk"', '"complex"').replace("3.0", "3.5")
    (folder / "moe.toml").write_text(swapped)
    with pytest.raises(ChangedError, match=r"started with another bulk expert and other regions: .*--accept-changes"):
        changes(folder, stored=stored)
    (line,) = changes(folder, stored=stored, accept=True)
    assert "another bulk expert and other regions, on purpose" in line


def test_a_valid_but_outdated_token_is_found(folder: Path) -> None:
    with pytest.raises(
        ChangedError, match=rf"segment 1 \({checksum(TOKENS[1])}\).*segment 2 \({checksum(TOKENS[2])}\)"
    ):
        changes(folder, token=TOKENS[1])
    (line,) = changes(folder, token=TOKENS[1], accept=True)
    assert checksum(TOKENS[1]) in line and checksum(TOKENS[2]) in line


def test_a_run_with_swapped_experts_is_refused_and_nothing_is_touched(tmp_path: Path) -> None:
    """In 0.1 this went on with an energy that was wrong by 0.2 eV."""
    case = Case.create(tmp_path / "run", CHANGING)
    run_to_end(case, write_input(case, steps=10, stride=5))
    config, restart = case.folder / "moe.toml", case.folder / "RESTART"
    restart.write_text(re.sub(r"<total_steps>\s*\d+", "<total_steps>20", restart.read_text()))
    before = {
        path.name: path.read_bytes() for path in case.folder.glob("out.*") if not re.search("log|template", path.name)
    }
    before["RESTART"] = restart.read_bytes()
    config.write_text(config.read_text().replace('parameters = "bulk"', 'parameters = "complex"'))
    with run(case, "RESTART") as parent:
        printed = wait_for(parent, status=1)
    assert "this run was started with another bulk expert" in printed and "--accept-changes" in printed
    assert {name: (case.folder / name).read_bytes() for name in before} == before
    printed = run_to_end(case, "RESTART", "--accept-changes")
    assert "continued with another bulk expert, on purpose" in printed
    assert "# step 10: continued with another bulk expert" in (case.folder / "out.moe_ledger").read_text()
    assert [line.step for line in ledger(case.folder)] == [0, 5, 10, 15, 20]
    # From here on this is the run: it continues without being asked.
    restart.write_text(re.sub(r"<total_steps>\s*\d+", "<total_steps>25", restart.read_text()))
    run_to_end(case, "RESTART")
