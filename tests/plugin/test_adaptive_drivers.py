"""Drivers come, go, are slow or work in batches: every structure is evaluated under the token it was sent with."""

from __future__ import annotations

import os
import re
import signal
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from moe_ipi.regions.partitioner import Partitioner
from moe_ipi.units import BOHR
from tests.helpers.adaptive import assignments, check_every_frame, ledger, properties, write_input
from tests.helpers.case import Case
from tests.helpers.configs import ADAPTIVE, CHANGING
from tests.helpers.moe_ipi_run import run, run_to_end, step_of_restart, wait_for_steps
from tests.helpers.processes import DriverThread, assert_one_error, driver_process, ipi, wait_for, wait_until


class Slow:
    """An evaluator that takes its time."""

    def __init__(self, evaluator: Any, seconds: float) -> None:
        self._evaluator, self._seconds = evaluator, seconds

    def evaluate(self, *arguments: Any) -> Any:
        time.sleep(self._seconds)
        return self._evaluator.evaluate(*arguments)


def changes(case: Case) -> int:
    return sum(bool(line.joined or line.left) for line in ledger(case.folder)[1:])


@pytest.mark.slow
def test_drivers_of_two_speeds_one_that_dies_and_one_that_joins(tmp_path: Path) -> None:
    case = Case.create(tmp_path, CHANGING)
    input = write_input(case, steps=400, beads=3, stride=20)
    with run(case, input, "-n", "0") as parent:
        threads = [DriverThread(case.unix, case.evaluator()), DriverThread(case.unix, Slow(case.evaluator(), 0.02))]
        options = ["-c", "moe.toml", "--template", "init.xyz", "-u", "-a", case.name]
        with driver_process(case, *options) as dying:
            wait_until(lambda: "connected" in dying.log.read_text())
            wait_for_steps(case, parent, 10)
            os.kill(dying.pid, signal.SIGTERM)
            dying.wait()
        with driver_process(case, *options) as joining:
            wait_for(parent)
            output = wait_for(joining)
    assert int(re.search(r"(\d+) structures evaluated", output)[1]) > 5
    assert all(thread.finish() > 5 for thread in threads)
    assert changes(case) >= 5
    check_every_frame(case, beads=3)


@pytest.mark.slow
def test_batches(tmp_path: Path) -> None:
    case = Case.create(tmp_path, CHANGING)
    input = write_input(case, steps=60, beads=4, stride=6, options="<batch_size>4</batch_size>")
    run_to_end(case, input)
    assert changes(case) >= 3
    check_every_frame(case, beads=4)


@pytest.mark.parametrize("number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)])
def test_a_run_that_is_stopped_continues_as_if_it_were_not(tmp_path: Path, number: signal.Signals) -> None:
    whole, parts = (Case.create(tmp_path / name, ADAPTIVE) for name in ("whole", "parts"))
    for case in (whole, parts):
        write_input(case, steps=400, stride=7)
    run_to_end(whole, whole.folder / "input.xml")
    with run(parts, parts.folder / "input.xml") as parent:
        wait_for_steps(parts, parent, 20)
        parent.send_signal(number)
        assert parent.wait(30) == 130
    assert 20 <= step_of_restart(parts) < 400
    run_to_end(parts, parts.folder / "RESTART")
    steps = [line.step for line in ledger(parts.folder)]
    assert steps == sorted(set(steps)) == list(range(0, 401, 7))
    # Off a checkpoint momenta are projected once more: the same to rounding, which grows with time.
    stop = next(k for k, line in enumerate(ledger(parts.folder)) if line.step > 60)
    for one, other in zip(ledger(whole.folder)[:stop], ledger(parts.folder)[:stop], strict=True):
        assert replace(one, jumps=[]) == replace(other, jumps=[])
        assert one.jumps == pytest.approx(other.jumps, abs=1e-6)


@pytest.mark.slow
def test_a_ledger_forgets_what_its_checkpoint_does_not_know(tmp_path: Path) -> None:
    case = Case.create(tmp_path, ADAPTIVE)
    run_to_end(case, write_input(case, steps=40))
    before = ledger(tmp_path)
    with (tmp_path / "out.moe_ledger").open("a") as file:
        file.write("        50        5        3  01")  # killed while it wrote
    run_to_end(case, tmp_path / "out.chk_2")
    assert ledger(tmp_path) == before


def test_a_checkpoint_continues_under_plain_i_pi_with_its_assignment(tmp_path: Path) -> None:
    case = Case.create(tmp_path, CHANGING)
    run_to_end(case, write_input(case, steps=60, stride=6))
    entry = next(line for line in ledger(tmp_path)[2:] if line.n_complex != ledger(tmp_path)[0].n_complex)
    lines: list[str] = []
    driver = DriverThread(case.unix, case.evaluator(lines.append))
    with ipi(case, tmp_path / f"out.chk_{entry.step // 6}") as child:
        wait_for(child)
    driver.finish()
    assert len(lines) == 1
    assert lines[0].startswith(f"assignment: {entry.n_complex} complex") and f"segment {entry.segment}" in lines[0]


def damaged(text: str) -> str:
    """The checkpoint with one character of its token changed."""
    return re.sub(r"(moe1\.s\d+\.n\d+\.c\d+\.)(.)", lambda m: m[1] + ("A" if m[2] != "A" else "B"), text)


@pytest.mark.slow
def test_a_damaged_token_is_an_error_on_both_sides(tmp_path: Path) -> None:
    case = Case.create(tmp_path, CHANGING)
    run_to_end(case, write_input(case, steps=6, stride=3))
    checkpoint = tmp_path / "out.chk_1"
    checkpoint.write_text(damaged(checkpoint.read_text()))
    rows = len(properties(tmp_path))
    with run(case, checkpoint) as parent:
        assert_one_error(wait_for(parent, None), "its checksum does not fit")
    options = ["-c", "moe.toml", "--template", "init.xyz", "-u", "-a", case.name]
    with ipi(case, checkpoint), driver_process(case, *options) as driver:
        assert_one_error(wait_for(driver, 1), "its checksum does not fit")
    assert len(properties(tmp_path)) == rows


AGREEING = CHANGING.replace("rules = [{", 'rules = [{ type = "agreement", tolerance = 0.048 }, {', 1) + (
    "[segments]\nmonitor = 2\nmonitor_threshold = 1e-6\n"
)


def test_agreement_and_the_monitor_ask_the_drivers(tmp_path: Path) -> None:
    case = Case.create(tmp_path, AGREEING)
    output = run_to_end(case, write_input(case, steps=40, beads=2))
    assert re.search(r"agreement: both experts on every atom of 2 frames, \d+\.\d\d s a segment", output)
    assert "step 20: forces differ from the complex expert's by" in output
    check_every_frame(case, beads=2)
    rows = np.loadtxt(tmp_path / "out.moe_monitor", ndmin=2)
    np.testing.assert_array_equal(rows[:, :3], [[20, 2, 0], [40, 4, 0]])
    assert (rows[:, 3] > 0).all() and (rows[:, 4] >= rows[:, 3]).all()
    check_agreement(case, 0.048)


def check_agreement(case: Case, tolerance: float) -> None:
    """Where a segment begins, every atom on which the experts disagree is complex, and some are for that reason."""
    symbols = case.atoms.get_chemical_symbols()
    potential = case.potential()
    others = case.config.regions.model_copy(update={"rules": case.config.regions.rules[1:]})
    positions = case.frames("pos", 2, 41) * BOHR
    cells = np.repeat(case.atoms.cell.array[None], 2, axis=0)
    reasons = 0
    for step in range(0, 41, 10):
        disagree = (potential.disagreement(positions[step], cells) > tolerance).any(axis=0)
        rest = Partitioner(others, symbols).assign(positions[step], cells)
        np.testing.assert_array_equal(assignments(case.folder)[step], disagree | rest)
        reasons += int((disagree & ~rest).sum())
    assert reasons > 0
