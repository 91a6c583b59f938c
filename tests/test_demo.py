"""The demonstration, with few steps: real i-PI, two real drivers, the shipped pair."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import numpy as np
import pytest
from ase.io import read
from matplotlib.image import imread


def moe_ipi(*arguments, cwd):
    return subprocess.run(
        [sys.executable, "-m", "moe_ipi.cli", *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=cwd,
        timeout=250,
        env={**os.environ, "COLUMNS": "200"},
    )


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo")
    return folder / "out", moe_ipi("demo", "out", "--steps", 10, cwd=folder)


def test_the_table(demo):
    _, done = demo
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"simulated +│ 10 steps of 0\.5 fs", done.stdout)
    complex_atoms, bulk_atoms = map(int, re.search(r"│ (\d+) complex, (\d+) bulk", done.stdout).groups())
    assert complex_atoms + bulk_atoms == 98
    assert 2 < complex_atoms < 49
    assert abs(float(re.search(r"drift +│ ([+-][\d.]+) meV/atom/ps", done.stdout).group(1))) < 50
    assert float(re.search(r"full complex expert +│ ([\d.]+) x", done.stdout).group(1)) > 1
    assert float(re.search(r"RMSE ([\d.]+) meV/A", done.stdout).group(1)) > 0


def test_the_files(demo):
    folder, _ = demo
    assert len(read(folder / "demo.pos_7.xyz", index=":", format="xyz")) >= 10
    assert {"RESTART", "demo.out", "demo.centroid.xyz", "init.xyz", "input.xml"} <= {p.name for p in folder.iterdir()}
    assert "Chemiscope" in (folder / "experts.html").read_text()
    picture = imread(folder / "experts.png")
    assert min(picture.shape[:2]) > 300
    assert len(np.unique(picture.reshape(-1, picture.shape[2]), axis=0)) > 10


def test_a_used_folder_is_left_alone(demo):
    folder, _ = demo
    before = {p.name: p.stat().st_mtime_ns for p in folder.iterdir()}
    done = moe_ipi("demo", folder, cwd=folder)
    assert done.returncode == 1
    assert "holds an earlier demo" in done.stderr
    assert "Traceback" not in done.stderr
    assert before == {p.name: p.stat().st_mtime_ns for p in folder.iterdir()}
