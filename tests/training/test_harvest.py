"""The loop of training/README.md: frames that a run kept are labelled, and NequIP reads the labels."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import ase.io
import numpy as np
import pytest
from nequip.data.dataset import ASEDataset

from tests.helpers.adaptive import write_input
from tests.helpers.case import Case
from tests.helpers.configs import CHANGING
from tests.helpers.moe_ipi_run import run_to_end

README = (Path(__file__).parents[2] / "training" / "README.md").read_text(encoding="utf-8")
#: The complex expert plays the part of the labels.
LABELS = """
from moe_ipi import MoECalculator
def calculator():
    return MoECalculator.from_config("moe.toml", hamiltonian="complex")
"""


def test_run_harvest_label(tmp_path: Path) -> None:
    config = CHANGING.replace("rules = [{", 'rules = [{ type = "agreement", tolerance = 0.045 }, {', 1)
    case = Case.create(tmp_path, config + "[harvest]\nenergy_threshold = 0.045\nmin_distance = 0.05\n")
    run_to_end(case, write_input(case, steps=20, stride=5))
    (tmp_path / "labels.py").write_text(LABELS)
    (script,) = re.findall(r"^```python\n(.*?)^```", README, re.DOTALL | re.MULTILINE)
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    frames = ase.io.read(tmp_path / "out.moe_harvest.extxyz", ":")
    data = ASEDataset(str(tmp_path / "harvest.xyz"))
    assert len(data) == len(frames) > 1
    potential = case.potential()
    for frame, label in zip(frames, (data[k] for k in range(len(frames))), strict=True):
        direct = potential.evaluate(frame.positions[None], frame.cell.array[None], hamiltonian="complex")
        assert float(label["total_energy"]) == pytest.approx(direct.energies[0], abs=1e-4)  # single precision
        np.testing.assert_allclose(label["forces"].numpy(), direct.forces[0], atol=1e-5)
        stress = -direct.virials[0] / frame.get_volume()
        np.testing.assert_allclose(label["stress"].numpy().reshape(3, 3), stress, atol=1e-5)
