"""i-PI's own regression inputs: our client and our changes to i-PI's insides leave its results as they are.

Optional: ``MOE_IPI_IPI_REPO=/path/to/a/checkout pytest tests/run/test_ipi_regression.py``.  Taken are the inputs
whose forces are those of an ideal gas or a harmonic well, which need no program of i-PI.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from moe_ipi.driver.address import Server
from moe_ipi.driver.protocol import Result
from moe_ipi.typing import FloatArray
from tests.helpers.case import new_name
from tests.helpers.processes import DriverThread, process, wait_for

VARIABLE = "MOE_IPI_IPI_REPO"
MODELS = {"gas", "harm3d", "harmonic"}
#: ``i-pi input.xml`` with what moe-ipi run changes in it.
PATCHED_IPI = """
import runpy, sys
from moe_ipi.plugin.lost_drivers import survive_lost_drivers
survive_lost_drivers()
sys.argv = [sys.argv[1], "input.xml"]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


class Well:
    """A harmonic well for every coordinate, or, with k = 0, an ideal gas."""

    def __init__(self, k: float) -> None:
        self._k = k

    def evaluate(self, positions: FloatArray, cells: FloatArray, parameters: Mapping[str, str]) -> list[Result]:
        return [Result(0.5 * self._k * float(np.sum(p**2)), -self._k * p, np.zeros((3, 3)), "") for p in positions]


def drivers_of(folder: Path) -> list[tuple[str, float]]:
    """Model and force constant of each driver that an input wants."""
    text = (folder / "test_settings.dat").read_text()
    found = []
    for part in text.split("driver_model")[1:]:
        constant = re.search(r"flags\s+-o\s+([\d.Ee+-]+)\s*$", part, re.MULTILINE)
        found.append((part.split()[0], float(constant[1]) if constant else 0.0))
    return found


def cases() -> list[Path]:
    """Folders with an input that can be run."""
    root = Path(os.environ.get(VARIABLE, "/nowhere")) / "ipi_tests" / "regression_tests" / "tests"
    folders = sorted(path.parent for path in root.rglob("input.xml") if (path.parent / "test_settings.dat").is_file())
    taken = []
    for folder in folders:
        drivers = drivers_of(folder)
        if drivers and {name for name, _ in drivers} <= MODELS and (folder / "files_to_check.txt").is_file():
            taken.append(folder)
    return taken


CASES = cases()


@pytest.mark.skipif(not CASES, reason=f"{VARIABLE} does not name a checkout of i-PI")
def test_the_checkout_has_inputs() -> None:
    assert len(CASES) >= 20


@pytest.mark.parametrize("folder", CASES, ids=lambda path: "-".join(path.parts[path.parts.index("tests") + 1 :]))
def test_regression(folder: Path, tmp_path: Path) -> None:
    work = tmp_path / "run"
    shutil.copytree(folder, work)
    name = new_name()
    text = (work / "input.xml").read_text()
    assert text.count("<ffsocket") == 1
    text = re.sub(r"(<ffsocket[^>]*?)mode=['\"]\w+['\"]", r"\1mode='unix'", text)
    text = re.sub(r"<address>[^<]*</address>", f"<address>{name}</address>", text)
    (work / "input.xml").write_text(text)
    threads = [DriverThread(Server(name), Well(constant)) for _, constant in drivers_of(folder)]
    with process(sys.executable, "-c", PATCHED_IPI, Path(sys.executable).with_name("i-pi"), cwd=work) as child:
        wait_for(child)
    for thread in threads:
        thread.finish()
    compare(work)


def compare(work: Path) -> None:
    """Every file that the input names, with its reference (``ref_NAME``) and tolerances."""
    lines = [line.split() for line in (work / "files_to_check.txt").read_text().splitlines()[2:] if line.strip()]
    assert lines
    for reference, form, *columns in lines:
        if form not in ("numpy", "xyz"):
            continue  # i-PI does not compare them either
        expected, found = (numbers(work / name, form) for name in (reference, reference.removeprefix("ref_")))
        if not columns or columns[0].startswith("all"):
            loose = [float(x) for x in columns[0].split(",")[1:]] if columns else []
            rtol, atol = loose or ([1e-7, 1e-15] if form == "numpy" else [1e-7, 1e-6])
            np.testing.assert_allclose(found, expected, rtol=rtol, atol=atol, err_msg=reference)
            continue
        for column in columns:
            number, *loose = column.split(",")
            rtol, atol = [float(x) for x in loose] or [1e-7, 1e-15]
            a, b = (each[..., int(number)] for each in (found, expected))
            np.testing.assert_allclose(a, b, rtol=rtol, atol=atol, err_msg=f"{reference}, column {number}")


def numbers(path: Path, form: str) -> np.ndarray:
    if form == "numpy":
        return np.loadtxt(path)
    rows = [line.split() for line in path.read_text().splitlines()]
    return np.array([[float(x) for x in row[1:4]] for row in rows if len(row) >= 4 and row[0].isalpha()])
