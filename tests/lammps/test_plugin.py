"""The compiled plugin, and what a user is told where there can be none."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from moe_ipi.errors import ConfigError
from moe_ipi.lammps.plugin import build_plugin


def library(version: int = 20250722, plugins: bool = True) -> SimpleNamespace:
    """As much of LAMMPS as matters."""
    import ctypes

    return SimpleNamespace(version=lambda: version, has_package=lambda name: plugins, c_tagint=ctypes.c_int)


@pytest.fixture
def compiler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A script in place of the compiler, and an empty cache."""
    path = tmp_path / "c++"
    monkeypatch.setenv("CXX", str(path))
    monkeypatch.setenv("MOE_IPI_CACHE_DIR", str(tmp_path / "cache"))
    return path


def write(compiler: Path, script: str) -> None:
    compiler.write_text(f"#!/bin/sh\n{script}\n")
    compiler.chmod(0o755)


def test_compiled_once(compiler: Path) -> None:
    """For a LAMMPS and a compiler; the last argument is the file."""
    write(
        compiler, f'case "$*" in *version) echo 1;; *) echo x >> {compiler}.calls; for f; do :; done; touch "$f";; esac'
    )
    calls = Path(f"{compiler}.calls")
    first = build_plugin(library())
    assert build_plugin(library()) == first
    assert calls.read_text() == "x\n"
    assert build_plugin(library(20250723)) != first
    write(compiler, compiler.read_text().replace("echo 1", "echo 2"))
    assert build_plugin(library()) != first
    assert calls.read_text() == "x\nx\nx\n"
    assert {path.suffix for path in first.parent.iterdir()} <= {".so", ".lock"}


@pytest.mark.parametrize(
    ("lammps", "message"),
    [(library(20240829), "is of 29 Aug 2024.*22 Jul 2025"), (library(plugins=False), "takes no plugins")],
)
def test_a_lammps_that_cannot(lammps: SimpleNamespace, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        build_plugin(lammps)


def test_no_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(ConfigError, match=r"C\+\+ compiler"):
        build_plugin(library())


def test_a_compiler_that_fails(compiler: Path) -> None:
    write(compiler, "echo 'error: no space' >&2; exit 1")
    with pytest.raises(ConfigError, match=r"failed \(error: no space\), see .*\.log"):
        build_plugin(library())
