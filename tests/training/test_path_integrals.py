"""training/pt_co/path_integrals.py: what reweighting makes of known samples, and a short run of i-PI."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from ase.units import kB

from tests.helpers.configs import ANALYTIC, AROUND_CO

SCRIPT = Path(__file__).parents[2] / "training" / "pt_co" / "path_integrals.py"


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(str(SCRIPT.parent))
    import path_integrals

    return path_integrals


def test_reweighting_gives_the_average_of_the_other_ensemble(script) -> None:
    """x is normal with variance 1; with the energy a x^2 / 2 kT that was left out it has variance 1 / (1 + a)."""
    a, x = 0.4, np.random.default_rng(0).normal(size=(200_000, 2))
    # The second atom knows nothing of the energy that was left out.
    found = script.Sampled(x**2, x**2, a * x[:, 0] ** 2 / 2 * kB * script.TEMPERATURE)
    averages, off, error = found.with_errors()
    np.testing.assert_allclose(averages, [[1.0, 1.0], [1 / (1 + a), 1.0]], atol=0.02)
    np.testing.assert_allclose(off, [a, 0.0], atol=0.02)
    assert np.all((error > 1e-4) & (error < 0.01))
    assert 0.8 < found.effective < 0.99


@pytest.mark.slow
def test_a_run(tmp_path: Path) -> None:
    (tmp_path / "moe.toml").write_text(ANALYTIC + AROUND_CO)
    command = [sys.executable, SCRIPT, tmp_path, "--config", tmp_path / "moe.toml"]
    command += ["--beads", "4", "--few", "4", "2", "--steps", "160"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    found = re.findall(r"energy (\S+) meV, plain (\S+) meV: (\S+)\((\S+)\) %", done.stdout)
    assert len(found) == 4
    # On all its beads the correction is not contracted.
    assert all(float(few) == float(plain) > 0 and float(off) == 0 for few, plain, off, _ in found[:2])
    assert all(float(few) != float(plain) for few, plain, _, _ in found[2:])
