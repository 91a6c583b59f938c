"""Two minutes of the soak, and that it would find something."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers.adaptive import write_input
from tests.helpers.case import Case
from tests.helpers.configs import CHANGING
from tests.helpers.moe_ipi_run import run_to_end
from tests.soak.rows import judge
from tests.soak.soak import soak


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_two_minutes(tmp_path: Path) -> None:
    tally = soak(2.0, folder=tmp_path, seed=3)
    print(tally.table())
    assert tally.passed, tally.table()
    assert tally.rows.rows > 100 and sum(c.went_on + c.continued for c in tally.faults.values()) >= 3


def test_wrong_lost_and_repeated_rows_are_found(tmp_path: Path) -> None:
    case = Case.create(tmp_path, CHANGING)
    run_to_end(case, write_input(case, steps=60, beads=2, stride=6))
    verdict, last = judge(case, 2)
    assert (verdict.rows, verdict.wrong, verdict.lost, verdict.repeated, last) == (61, 0, 0, 0, 60)
    assert verdict.changes >= 1
    assert judge(case, 2, beyond=40)[0].rows == 20
    props = tmp_path / "out.props"
    text = props.read_text()
    lines = text.splitlines(keepends=True)
    first = next(k for k, line in enumerate(lines) if not line.startswith("#"))
    words = lines[first + 20].split()
    changed = "  ".join([*words[:2], repr(float(words[2]) * (1 + 1e-8)), *words[3:]]) + "\n"
    damages = {
        "wrong": [*lines[: first + 20], changed, *lines[first + 21 :]],
        "lost": [*lines[: first + 20], *lines[first + 21 :]],
        "repeated": [*lines, lines[-1]],
    }
    for name, damaged in damages.items():
        props.write_text("".join(damaged))
        assert getattr(judge(case, 2)[0], name) == 1, name
    # The end of a run that was killed while it wrote.
    props.write_text(text[:-20])
    assert judge(case, 2, torn=True)[1] == 59
    # An assignment that is not that of the ledger.
    props.write_text(text)
    ledger = tmp_path / "out.moe_ledger"
    head, *rest = [line for line in ledger.read_text().splitlines(keepends=True) if not line.startswith("#")]
    ledger.write_text(head)
    assert judge(case, 2)[0].wrong > 0 and rest
