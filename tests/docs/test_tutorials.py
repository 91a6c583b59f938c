"""The tutorials run, and print what they say they print."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ase.io import read

from moe_ipi import read_ledger
from tests.helpers.markdown import follow, same

TUTORIALS = Path(__file__).parents[2] / "docs" / "tutorials"


def test_all_tutorials_are_tested_here() -> None:
    assert {path.stem for path in TUTORIALS.glob("*.md")} - {"index"} == {"pimd"}


@pytest.mark.parametrize(
    ("wanted", "printed", "result"),
    [
        ("a 1.5 b\n", "a  -3e-7 b\n", True),
        ("a 1.5 b\n", "a 1.5 c\n", False),
        ("a\n...\nz 1\n", "a\nb\nc\nz 2\n", True),
        ("a\n", "a\nb\n", False),
        ("rules.0 is Pt27\n", "rules.0 is Pt26\n", False),
    ],
)
def test_comparison(wanted: str, printed: str, result: bool) -> None:
    assert same(wanted, printed) is result


@pytest.mark.timeout(1800)  # half a minute of a free core
def test_pimd(tmp_path: Path) -> None:
    follow(TUTORIALS / "pimd.md", tmp_path)
    lines = read_ledger(tmp_path / "co.moe_ledger")
    assert [line.step for line in lines] == [0, 10, 20, 30, 40]
    assert any(line.joined or line.left for line in lines[1:])
    frames = read(tmp_path / "co.extxyz", ":")
    complex = {line.step: line.n_complex for line in lines}
    assert [atoms.arrays["expert"].sum() for atoms in frames if atoms.info["step"] in complex] == list(complex.values())
    step, conserved, booked = np.loadtxt(tmp_path / "co.out", usecols=(0, 2, 6), unpack=True)
    assert step[-1] == 40
    assert np.ptp(conserved) / 29 < 2e-4  # eV: "some hundredths of a meV"
    assert booked[-1] == pytest.approx(sum(line.jumps[0] for line in lines), abs=1e-9)
