"""The tutorials run, and print what they say they print.

Those that train are slow: ``pytest -m slow tests/docs/test_tutorials.py``.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from ase.io import read

from moe_ipi import MoEPotential, load_config, read_ledger
from tests.helpers.markdown import follow, same

ROOT = Path(__file__).parents[2]
TUTORIALS = ROOT / "docs" / "tutorials"


def test_all_tutorials_are_tested_here() -> None:
    assert {path.stem for path in TUTORIALS.glob("*.md")} - {"index"} == {
        "pimd",
        "own_model",
        "co_on_pt",
        "free_energy",
    }


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


@pytest.mark.slow
@pytest.mark.timeout(3600)  # about three minutes of a free core
def test_free_energy(tmp_path: Path) -> None:
    """What is said of both regions, of their difference, and of what makes it, is so."""
    follow(TUTORIALS / "free_energy.md", tmp_path, timeout=1800)
    code = "import json; from integrate import integrated; print(json.dumps([integrated(r).tolist() for r in %r]))"
    done = subprocess.run(
        [sys.executable, "-c", code % (["fixed", "following"],)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    fixed, following = np.array(json.loads(done.stdout))
    assert np.abs(fixed[:, 0] - following[:, 0]).max() < 0.35 and max(fixed[-1, 2], following[-1, 2]) < 0.08
    # Four Pt atoms go to the bulk expert, and each brings its 0.04 to 0.07 eV.
    difference = following[-1, 1] - fixed[-1, 1]
    assert 0.1 < difference < 0.5 and difference > 3 * np.hypot(fixed[-1, 2], following[-1, 2])
    first, last = (read_ledger(tmp_path / f"following-{height}.moe_ledger") for height in (2.0, 3.5))
    assert 3 < np.mean([line.n_complex for line in first]) - np.mean([line.n_complex for line in last]) < 6
    booked = np.loadtxt(tmp_path / "following-3.5.out", usecols=6)
    assert booked[-1] == pytest.approx(sum(line.jumps[0] for line in last))


@pytest.mark.slow  # trains: two minutes of a free core
@pytest.mark.timeout(7200)
def test_own_model(tmp_path: Path) -> None:
    follow(TUTORIALS / "own_model.md", tmp_path, timeout=3600)
    frame = read(tmp_path / "slab.xyz")
    potential = MoEPotential.from_config(load_config(tmp_path / "pair/moe.toml"), frame.get_chemical_symbols())
    # The bulk expert has learned something: an untrained one says 0 everywhere, and would find the compressed crystal
    # as good as the other.
    pressed = [
        potential.evaluate(frame.positions[None] * s, frame.cell.array[None] * s, hamiltonian="bulk").energies
        for s in (1.0, 0.95)
    ]
    assert pressed[1] > pressed[0] + 1.0
    lines = read_ledger(tmp_path / "run/pimd.moe_ledger")
    assert [line.step for line in lines] == [0, 10, 20, 30, 40] and 7 <= lines[-1].n_complex < 20
    conserved = np.loadtxt(tmp_path / "run/pimd.out", usecols=2)
    assert np.ptp(conserved) / len(frame) < 1e-3  # eV


@pytest.mark.slow  # trains: two minutes of a free core
@pytest.mark.timeout(7200)
def test_co_on_pt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOE_IPI", str(ROOT))
    follow(TUTORIALS / "co_on_pt.md", tmp_path, timeout=3600)
    assert load_config(tmp_path / "run/moe.toml").experts.complex.path == tmp_path / "pair/pair.nequip.zip"
    assert [line.step for line in read_ledger(tmp_path / "run/pimd.moe_ledger")] == [0, 10, 20]
