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


def test_compiled_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOE_IPI_CACHE_DIR", str(tmp_path / "cache"))
    first = build_plugin(library())
    written = first.stat().st_mtime_ns
    assert build_plugin(library()) == first
    assert first.stat().st_mtime_ns == written
    assert build_plugin(library(20250723)) != first
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


def test_a_compiler_that_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compiler = tmp_path / "c++"
    compiler.write_text("#!/bin/sh\necho 'error: no space' >&2\nexit 1\n")
    compiler.chmod(0o755)
    monkeypatch.setenv("CXX", str(compiler))
    monkeypatch.setenv("MOE_IPI_CACHE_DIR", str(tmp_path / "cache"))
    with pytest.raises(ConfigError, match=r"failed \(error: no space\), see .*\.log"):
        build_plugin(library())
