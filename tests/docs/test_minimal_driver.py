"""The driver that the page about the protocol shows serves a run."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from moe_ipi.inband.token import Token, encode
from moe_ipi.ledger import read_ledger
from tests.helpers import inputs
from tests.helpers.case import Case
from tests.helpers.moe_ipi_run import run
from tests.helpers.processes import process, wait_for, wait_until

DRIVER = Path(__file__).parents[2] / "docs" / "reference" / "minimal_driver.py"
#: One radius: no assignment is drawn, which would need answers to probes.
REGIONS = """
[experts]
complex = {type = "finnis-sinclair", parameters = "complex"}
bulk = {type = "finnis-sinclair", parameters = "bulk"}
[regions]
radius = 2.5
rules = [{type = "species", species = ["C", "O"]}]
[segments]
segment_steps = 2
"""


def test_it_serves_a_run(tmp_path: Path) -> None:
    case = Case.create(tmp_path / "run", REGIONS)
    case.write(
        inputs.simulation(
            inputs.system(inputs.dynamics("nve", 0.5), beads=2, temperature=300),
            fields=case.ffsocket(),
            steps=4,
            properties="step, potential, conserved",
            trajectories={"pos": "positions"},
            extras="moe_n_complex",
            checkpoint=2,
        )
    )
    with run(case, "input.xml", "-n", "0") as parent:
        wait_until(lambda: Path(case.unix.path).exists(), 60.0)
        with process(sys.executable, DRIVER, case.unix.path, cwd=case.folder) as driver:
            wait_for(parent)
            wait_for(driver)
    beads = [case.frames("pos", 2, 5)[:, bead] for bead in range(2)]
    ledger = read_ledger(case.folder / "out.moe_ledger")
    mask = np.zeros(len(case.atoms), bool)
    mask[sorted(ledger[0].joined)] = True
    assert 0 < mask.sum() < len(mask)
    assert not any(line.joined or line.left for line in ledger[1:])
    stiffness = np.where(mask, 0.10, 0.05)[:, None]
    origin = beads[0][0]
    expected = [np.mean([np.sum(0.5 * stiffness * (bead[step] - origin) ** 2) for bead in beads]) for step in range(5)]
    written = np.loadtxt(case.folder / "out.props")[:, 1]
    np.testing.assert_allclose(written, expected, rtol=1e-9, atol=1e-14)


def test_it_refuses_a_damaged_token() -> None:
    names: dict[str, Any] = {}
    exec(DRIVER.read_text(encoding="utf-8").partition("sock = socket")[0], names)
    mask = np.arange(10) < 3
    good = encode(Token(0, mask))
    np.testing.assert_array_equal(names["assignment"](good, 10), mask)
    for old, new in (("s0", "s1"), (".c3.", ".c4."), ("moe1", "moe2")):
        with pytest.raises(SystemExit, match="token"):
            names["assignment"](good.replace(old, new), 10)
    with pytest.raises(SystemExit, match="another system"):
        names["assignment"](good, 11)
