"""What all benchmarks share: functions timed in turn, tables of results, the machine."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

import numpy as np

from moe_ipi.validation.about import processor

PACKAGES = ("moe-ipi", "torch", "nequip", "nequip-allegro", "ipi", "ase", "vesin", "numba", "numpy")


@dataclass(frozen=True)
class Settings:
    """What is measured, and how thoroughly.

    Attributes:
        config: a ``moe.toml``.
        full: large systems, many repeats; hours instead of minutes.
        threads: of this process and of every driver.
        scratch: a folder for files.
    """

    config: Path
    full: bool
    threads: int
    scratch: Path

    @property
    def turns(self) -> int:
        """How often everything is measured, besides the first time, which warms up."""
        return 5 if self.full else 3


@dataclass
class Table:
    """One table of results.

    Attributes:
        key: of the benchmark.
        title: what was measured.
        columns: with units.
        rows: numbers and words.
        note: how to read it.
    """

    key: str
    title: str
    columns: Sequence[str]
    rows: list[list[float | int | str]] = field(default_factory=list)
    note: str = ""


def side_by_side(functions: Mapping[str, Callable[[], object]], turns: int) -> dict[str, np.ndarray]:
    """Seconds (turns,) of each function, called in turn.

    Absolute times drift with the machine; ratios within a turn do not.  The first turn warms up and is dropped.
    """
    seconds: dict[str, list[float]] = {name: [] for name in functions}
    for turn in range(turns + 1):
        for name, function in functions.items():
            start = time.perf_counter()
            function()
            if turn:
                seconds[name].append(time.perf_counter() - start)
    return {name: np.array(values) for name, values in seconds.items()}


def ratio(numerator: np.ndarray, denominator: np.ndarray) -> float:
    """Median over the turns of the ratio within each."""
    return float(np.median(numerator / denominator))


def median(seconds: np.ndarray) -> float:
    """Median over the turns."""
    return float(np.median(seconds))


def machine(threads: int) -> dict[str, str]:
    """Where, with what, and with how many threads."""
    import torch

    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else "none: nothing here was measured on a GPU"
    return {
        "processor": f"{processor()}, {os.cpu_count()} cores, {torch.backends.cpu.get_cpu_capability()}",
        "GPU": gpu,
        "threads": str(threads),
        "Python": platform.python_version(),
        "versions": ", ".join(f"{name} {version(name)}" for name in PACKAGES),
    }
