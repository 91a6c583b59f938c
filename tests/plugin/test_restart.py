"""A run that is continued is the run that was not interrupted, bit for bit."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from moe_ipi.plugin import bias_pes
from tests.helpers.adaptive import assignments, ledger, properties, write_input
from tests.helpers.case import Case
from tests.helpers.configs import ADAPTIVE, CHANGING, GIBBS
from tests.helpers.moe_ipi_run import run_to_end


def total(path: Path, steps: int) -> None:
    """Change the number of steps of an input or checkpoint."""
    path.write_text(re.sub(r"<total_steps>\s*\d+", f"<total_steps>{steps}", path.read_text()))


def copy(case: Case, folder: Path) -> Case:
    shutil.copytree(case.folder, folder)
    return Case(folder, case.atoms, case.name)


@pytest.mark.parametrize(
    ("config", "beads"),
    [pytest.param(ADAPTIVE, 1, marks=pytest.mark.slow), (ADAPTIVE, 4), pytest.param(GIBBS, 4, marks=pytest.mark.slow)],
)
def test_n_steps_and_n_more_are_2n_steps(tmp_path: Path, config: str, beads: int) -> None:
    whole = Case.create(tmp_path / "whole", config)
    input = write_input(whole, steps=80, beads=beads)
    parts = copy(whole, tmp_path / "parts")
    run_to_end(whole, input)
    total(parts.folder / "input.xml", 40)
    run_to_end(parts, parts.folder / "input.xml")
    total(parts.folder / "out.chk_4", 80)
    # The bias is a file of this package: where it is now counts, not where it was.
    text = (parts.folder / "out.chk_4").read_text()
    assert (bias_pes.__file__ in text) == (config is GIBBS)
    (parts.folder / "out.chk_4").write_text(text.replace(bias_pes.__file__, "/elsewhere/moe_ipi/plugin/bias_pes.py"))
    run_to_end(parts, parts.folder / "out.chk_4")
    for name in ("pos", "mom", "for"):
        one, other = (each.frames(name, beads, 81)[-1] for each in (whole, parts))
        np.testing.assert_array_equal(one, other, err_msg=name)
    lines = ledger(whole.folder)
    assert lines == ledger(parts.folder)
    assert [line.step for line in lines] == list(range(0, 81, 10))
    changed = [line.step for line in lines if line.joined or line.left]
    assert any(0 < step <= 40 for step in changed) and any(step > 40 for step in changed)
    np.testing.assert_array_equal(assignments(whole.folder), assignments(parts.folder))
    # With the thermostat the conserved quantity is a sum over all steps: equal but for rounding.
    np.testing.assert_allclose(properties(whole.folder)[:, 1], properties(parts.folder)[:, 1], rtol=0, atol=1e-9)


@pytest.mark.parametrize("step", [0, pytest.param(6, marks=pytest.mark.slow)])
def test_a_ledger_that_begins_in_the_middle_says_who_is_complex(tmp_path: Path, step: int) -> None:
    """From a checkpoint of step 0, as a run that was killed early leaves it; or where the ledger was lost."""
    case = Case.create(tmp_path, CHANGING)
    run_to_end(case, write_input(case, steps=12, stride=6))
    whole = ledger(tmp_path)
    path = tmp_path / "out.moe_ledger"
    path.unlink()
    run_to_end(case, tmp_path / f"out.chk_{step // 6}")
    first, *rest = ledger(tmp_path)
    known = next(line for line in whole if line.step == step)
    assert (first.step, first.segment, first.token, first.n_complex) == (
        step,
        known.segment,
        known.token,
        known.n_complex,
    )
    assert len(first.joined) == first.n_complex and not first.left and first.jumps == [0.0]
    assert rest == whole[whole.index(known) + 1 :]


@pytest.mark.slow
def test_a_checkpoint_within_a_segment(tmp_path: Path) -> None:
    """Two strides, segments of several of the smaller one: what was averaged survives in the middle of a segment."""
    config = CHANGING.replace("below = 8", "below = 8, average = true") + "[segments]\nsegment_steps = 10\n"
    whole = Case.create(tmp_path / "whole", config + "sample_steps = 3\n")
    input = write_input(whole, steps=80, stride=5)
    second = "<checkpoint filename='keep' stride='15' overwrite='false'/></output>"
    input.write_text(input.read_text().replace("</output>", second))
    parts = copy(whole, tmp_path / "parts")
    run_to_end(whole, input)
    total(parts.folder / "input.xml", 45)
    run_to_end(parts, parts.folder / "input.xml")
    # 45 is a multiple of 15 and within a segment.
    total(parts.folder / "out.keep_3", 80)
    run_to_end(parts, parts.folder / "out.keep_3")
    for name in ("pos", "mom", "for"):
        np.testing.assert_array_equal(*(each.frames(name, 1, 81)[-1] for each in (whole, parts)), err_msg=name)
    lines = ledger(whole.folder)
    assert lines == ledger(parts.folder)
    assert [line.step for line in lines] == list(range(0, 81, 10))
    assert any(line.joined or line.left for line in lines if line.step > 45)
    np.testing.assert_array_equal(assignments(whole.folder), assignments(parts.folder))
