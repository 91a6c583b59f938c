"""Compiled models are kept."""

from __future__ import annotations

import numpy as np
import pytest

from moe_ipi.errors import ModelError
from moe_ipi.experts.expert import Environments
from moe_ipi.experts.nequip.load import load_nequip_model
from tests.helpers import tiny_models
from tests.helpers.comparison import everywhere
from tests.helpers.structures import co_on_pt


def test_compiled_model_is_cached_and_equal(package, tmp_path, monkeypatch, capfd):
    monkeypatch.setenv("MOE_IPI_CACHE_DIR", str(tmp_path / "cache"))
    compiled = load_nequip_model(package, key="bulk", name="bulk", compile=True)
    assert "compiling the bulk expert" in capfd.readouterr().err
    (artifact,) = (tmp_path / "cache").glob("*.nequip.pt2")
    written = artifact.stat().st_mtime_ns
    again = load_nequip_model(package, key="bulk", name="bulk", compile=True)
    assert capfd.readouterr().err == ""
    assert artifact.stat().st_mtime_ns == written
    direct = load_nequip_model(artifact, name="bulk")
    atoms = co_on_pt()
    eager = everywhere(load_nequip_model(package, key="bulk"), atoms)
    for expert in (compiled, again, direct):
        out = everywhere(expert, atoms)
        assert np.allclose(out.atom_energies, eager.atom_energies, rtol=1e-12, atol=0)
        assert np.allclose(out.forces, eager.forces, rtol=0, atol=1e-11 * max(np.abs(eager.forces).max(), 1.0))
    empty = Environments(np.zeros((0, 3)), np.zeros(0, int), np.array([1]), np.zeros(0, int))
    assert compiled.evaluate(empty)[0] == [tiny_models.SHIFTS["C"]]


def test_compiling_without_a_compiler(package, tmp_path, monkeypatch):
    monkeypatch.setenv("MOE_IPI_CACHE_DIR", str(tmp_path))
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(ModelError, match=r"C\+\+ compiler"):
        load_nequip_model(package, compile=True)
