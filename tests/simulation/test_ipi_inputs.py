"""The inputs that ship: each with plain i-PI and drivers, a few steps with the analytic pair."""

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from driver_runs import MOE_TOML, Case, run_with_threads

from moe_ipi.simulation.ipi_input import read_input
from moe_ipi.structure import read_template

FOLDERS = sorted(p.parent for p in (Path(__file__).parents[2] / "ipi_inputs").glob("*/input.xml"))


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: path.name)
def test_runs(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    (tmp_path / "moe.toml").write_text(MOE_TOML)
    case = Case(tmp_path, read_template(tmp_path / "init.xyz"), f"test_{tmp_path.name[-30:]}_{id(folder)}")
    input = tmp_path / "input.xml"
    text = input.read_text()
    assert "moe-ipi" in text and f"-a moe-ipi-{folder.name}" in (folder / "README.md").read_text()
    text = re.sub(r"<total_steps>\d+", "<total_steps>4", text)
    input.write_text(text.replace(f"moe-ipi-{folder.name}", case.name))
    run = read_input(input, tmp_path)
    evaluated = run_with_threads(case, input, case.unix)
    beads = 8 if folder.name == "pimd" else 1
    # In its first step all beads coincide.
    assert sum(evaluated) == 5 * beads
    rows = np.loadtxt(tmp_path / f"{run.prefix}.out", ndmin=2)
    assert rows[-1, 0] == 4 and np.isfinite(rows).all()
    conserved = rows[:, 2]
    assert np.ptp(conserved) < 1e-3 * len(case.atoms)  # eV


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: path.name)
def test_the_slab_is_what_its_readme_says(folder: Path) -> None:
    atoms = read_template(folder / "init.xyz")
    count = re.search(r"\((\d+) Pt atoms\)", (folder / "README.md").read_text())
    assert atoms.symbols.count("Pt") == int(count.group(1))
    assert atoms.pbc.all()
    z = atoms.positions[:, 2]
    assert atoms.cell[2, 2] - np.ptp(z) > 12.0
    carbon, oxygen = z[atoms.symbols == "C"][0], z[atoms.symbols == "O"][0]
    assert carbon - z[atoms.symbols == "Pt"].max() == pytest.approx(1.85, abs=1e-6) and oxygen > carbon
