"""A run that is continued is the run that was not interrupted, bit for bit."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from adaptive import ADAPTIVE, assignments, ledger, properties, write_input
from driver_runs import Case, read_binary, wait_for
from runs import run


def total(path: Path, steps: int) -> None:
    """Change the number of steps of an input or checkpoint."""
    path.write_text(re.sub(r"<total_steps>\s*\d+", f"<total_steps>{steps}", path.read_text()))


def copy(case: Case, folder: Path) -> Case:
    shutil.copytree(case.folder, folder)
    return Case(folder, case.atoms, case.name)


def last(folder: Path, name: str, beads: int, frames: int) -> np.ndarray:
    """The last frame of every bead."""
    return np.stack([read_binary(folder / f"out.{name}_{b}.bin", 10, frames)[-1] for b in range(beads)])


@pytest.mark.parametrize("beads", [1, 4])
def test_n_steps_and_n_more_are_2n_steps(tmp_path: Path, beads: int) -> None:
    (tmp_path / "whole").mkdir()
    whole = Case.create(tmp_path / "whole", ADAPTIVE)
    input = write_input(whole, steps=80, beads=beads)
    parts = copy(whole, tmp_path / "parts")
    with run(whole, input, "-c", "moe.toml") as parent:
        wait_for(parent)
    total(parts.folder / "input.xml", 40)
    with run(parts, parts.folder / "input.xml", "-c", "moe.toml") as parent:
        wait_for(parent)
    total(parts.folder / "out.chk_4", 80)
    with run(parts, parts.folder / "out.chk_4", "-c", "moe.toml") as parent:
        wait_for(parent)
    for name in ("pos", "mom", "for"):
        one, other = (last(folder, name, beads, 81) for folder in (whole.folder, parts.folder))
        np.testing.assert_array_equal(one, other, err_msg=name)
    lines = ledger(whole.folder)
    assert lines == ledger(parts.folder)
    assert [line.step for line in lines] == list(range(0, 81, 10))
    changed = [line.step for line in lines if line.joined or line.left]
    assert any(0 < step <= 40 for step in changed) and any(step > 40 for step in changed)
    np.testing.assert_array_equal(assignments(whole.folder), assignments(parts.folder))
    # With the thermostat the conserved quantity is a sum over all steps: equal but for rounding.
    np.testing.assert_allclose(properties(whole.folder)[:, 1], properties(parts.folder)[:, 1], rtol=0, atol=1e-9)
