"""The ledger, read and summed up."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from moe_ipi import read_ledger
from moe_ipi.ledger import LedgerError, Line, summary


def lines(jumps: list[list[float]], **named: str) -> list[Line]:
    """A beginning, and one change of one atom for each."""
    start = Line(0, 0, 5, "x", [0.0], frozenset(range(5)), frozenset(), named)
    return [start] + [
        Line(10 * k, k, 5, "x", jump, frozenset({k}), frozenset(), named) for k, jump in enumerate(jumps, 1)
    ]


def test_what_is_written_is_read(tmp_path: Path) -> None:
    written = Line(
        30, 3, 2, "ab12", [0.25, -1e-9], frozenset({7, 4}), frozenset(), {"dB": "1.0e-01", "p": "4:0.5,7:0.25"}
    )
    text = written.text(datetime(2026, 11, 28, 6, 30))
    assert text == (
        "        30        3        2  ab12  2026-11-28T06:30:00  2.5000000000e-01 -1.0000000000e-09  "
        "in=4,7 out=- dB=1.0e-01 p=4:0.5,7:0.25"
    )
    path = tmp_path / "out.moe_ledger"
    path.write_text(f"# header\n{text}\n# step 30: a remark\n{text[:40]}")
    (line,) = read_ledger(path)
    assert line == written
    path.write_text("step potential\n1 2\n")
    with pytest.raises(LedgerError, match="was not written by moe-ipi"):
        read_ledger(path)
    with pytest.raises(LedgerError, match="No such file"):
        read_ledger(tmp_path / "none")


def test_the_error_is_that_of_correlated_changes() -> None:
    rng = np.random.default_rng(1)
    # Each value 50 times: the error of independent ones would be seven times too small.
    slow = np.repeat(rng.normal(0.0, 0.1, 40), 50)
    (text,) = summary(lines(slow[:, None].tolist()))
    assert "changed 2000 times (2000 atoms)" in text
    error = float(text.split("+-")[1].split()[0])
    assert 8 < error < 25  # meV; exact is 100 / sqrt(40)


def test_a_pump_is_told_by_the_kind_of_run() -> None:
    jumps = (np.random.default_rng(2).normal(0.02, 0.05, 500)[:, None]).tolist()
    _, warning = summary(lines(jumps))
    assert "pump energy" in warning and 'reassignment = "gibbs"' in warning
    _, warning = summary(lines(jumps, expected="5.0"))
    assert "not in equilibrium" in warning
    balanced = [[sign * jump[0]] for jump in jumps for sign in (1, -1)]
    (text,) = summary(lines(balanced))
    assert "booked +0 +-" in text or "booked -0 +-" in text or "e-" in text


def test_short_runs_and_fixed_regions_claim_nothing() -> None:
    assert summary([]) == summary(lines([])) == []
    quiet = [Line(10 * k, k, 5, "x", [0.0], frozenset(), frozenset()) for k in range(4)]
    assert summary(quiet) == ["the assignment was made 3 times and never changed"]
    (text,) = summary(lines([[0.5, 0.7]] * 3))
    assert "booked +600 meV a change, +1.8 eV in all (too few changes for an error)" in text
