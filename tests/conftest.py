"""Fixtures that several parts of the suite share."""

from __future__ import annotations

import os
import sys
from pathlib import Path

# One thread a process: the suite runs servers and drivers side by side on few cores.
os.environ.setdefault("OMP_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).parent))

import pytest


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of nequip-train that holds the models ``sole_model`` and ``bulk`` (float64)."""
    from tiny_models import train_two_models

    return train_two_models(tmp_path_factory.mktemp("training"))


@pytest.fixture(scope="session")
def package(checkpoint: Path) -> Path:
    """The same two models as a nequip package."""
    from tiny_models import run_nequip

    path = checkpoint.parent / "both.nequip.zip"
    run_nequip("nequip.scripts.package", "build", checkpoint, path)
    return path
