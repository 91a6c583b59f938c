"""Frames kept by real runs: every number in them computed again, and the same file after a restart or a kill."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path

import ase.io
import numpy as np
import pytest
from ase import Atoms

from moe_ipi.units import BOHR
from tests.helpers.adaptive import assignments, ledger, write_input
from tests.helpers.case import Case
from tests.helpers.configs import CHANGING, GIBBS
from tests.helpers.moe_ipi_run import children, run, run_to_end, wait_for_steps
from tests.helpers.processes import assert_one_error, wait_for

FILE = "out.moe_harvest.extxyz"
ALL = "min_steps = 0\nmin_distance = 0.0\n"
AGREEING = CHANGING.replace("rules = [{", 'rules = [{ type = "agreement", tolerance = 0.048 }, {', 1) + (
    f"[segments]\nmonitor = 2\n[harvest]\nenergy_threshold = 0.048\nforce_threshold = 0.02\n{ALL}"
)


def kept(case: Case) -> list[Atoms]:
    return ase.io.read(case.folder / FILE, ":")


def check_frames(case: Case, beads: int, steps: int) -> None:
    """Positions are i-PI's, the assignment is the ledger's, and the disagreement is what the experts give."""
    potential, masks = case.potential(), assignments(case.folder)
    trajectory = case.frames("pos", beads, steps + 1) * BOHR
    segments = {line.step: line.segment for line in ledger(case.folder)}
    for atoms in kept(case):
        info, mask = atoms.info, atoms.arrays["expert"].astype(bool)
        structures = trajectory[info["step"]]
        structures = structures if info["nbeads"] == beads else structures.mean(axis=0, keepdims=True)
        np.testing.assert_allclose(atoms.positions, structures[info["bead"]], rtol=0, atol=2e-8)
        np.testing.assert_allclose(atoms.cell.array, case.atoms.cell.array, rtol=0, atol=2e-8)
        assert atoms.symbols.get_chemical_formula() == case.atoms.symbols.get_chemical_formula()
        np.testing.assert_array_equal(mask, masks[info["step"]])
        assert info["segment"] == segments[info["step"]] and info["system"] == 0
        structure = atoms.positions[None], atoms.cell.array[None]
        if info["source"] == "monitor":
            found = atoms.arrays["force_disagreement"]
            moe, full = (potential.evaluate(*structure, mask, hamiltonian=kind) for kind in ("moe", "complex"))
            expected = np.linalg.norm(moe.forces[0] - full.forces[0], axis=1)
        else:
            found = atoms.arrays["disagreement"]
            expected = potential.disagreement(*structure)[0]
        told = ~np.isnan(found)
        assert told.any()
        np.testing.assert_allclose(found[told], expected[told], rtol=0, atol=1e-6)
        assert info["largest"] == pytest.approx(found[told].max())


def test_agreement_and_monitor_and_a_continued_run(tmp_path: Path) -> None:
    case = Case.create(tmp_path, AGREEING)
    output = run_to_end(case, write_input(case, steps=40, beads=2))
    assert f"the experts disagree; such frames are kept in {FILE}" in output
    check_frames(case, beads=2, steps=40)
    frames = kept(case)
    assert {(a.info["source"], int(a.info["nbeads"])) for a in frames} == {("agreement", 2), ("monitor", 1)}
    # Every bead above the threshold of every segment, and nothing else; at the beginning all are one structure.
    potential, cells = case.potential(), np.repeat(case.atoms.cell.array[None], 2, axis=0)
    positions = case.frames("pos", 2, 41) * BOHR
    expected = {
        (step, bead)
        for step in range(0, 41, 10)
        for bead, largest in enumerate(potential.disagreement(positions[step], cells).max(axis=1))
        if largest > 0.048 and (step, bead) != (0, 1)
    }
    assert {(a.info["step"], a.info["bead"]) for a in frames if a.info["source"] == "agreement"} == expected
    assert len(expected) > 1
    # Continued in the middle, the run writes the same file.
    whole = (tmp_path / FILE).read_bytes()
    assert "cut what was beyond step 20 from 'out.moe_harvest.extxyz'" in run_to_end(case, "out.chk_2")
    assert (tmp_path / FILE).read_bytes() == whole
    assert whole.endswith((tmp_path / f"#{FILE}#0#").read_bytes())


def test_drawn_assignments_and_a_threshold_without_use(tmp_path: Path) -> None:
    case = Case.create(tmp_path, GIBBS + f"[harvest]\nenergy_threshold = 0.048\nlimit = 5\n{ALL}")
    output = run_to_end(case, write_input(case, steps=40, beads=4))
    check_frames(case, beads=4, steps=40)
    frames = kept(case)
    assert len(frames) == 5 and f"{FILE} has 5 frames (harvest.limit)" in output
    # Only the atoms at the edge were asked about: not C and O.
    assert all(np.isnan(a.arrays["disagreement"][a.symbols.indices()["C"]]).all() for a in frames)
    (tmp_path / "moe.toml").write_text(GIBBS + "[harvest]\nforce_threshold = 0.1\n")
    before = (tmp_path / FILE).read_bytes()
    with run(case) as parent:
        assert_one_error(wait_for(parent, 1), "harvest.force_threshold is given, but segments.monitor is 0")
    assert (tmp_path / FILE).read_bytes() == before


@pytest.mark.slow
def test_killed_and_continued_again_and_again(tmp_path: Path) -> None:
    """SIGKILL of everything: whole frames at any time, and in the end those of a run that was not killed."""
    whole, parts = (Case.create(tmp_path / name, AGREEING.replace("0.048\nforce", "0.03\nforce")) for name in "ab")
    for case in (whole, parts):
        write_input(case, steps=400, beads=2, stride=2)
    run_to_end(whole)
    start: str | Path = "input.xml"
    for step in (30, 90, 160, 280):
        with run(parts, start) as parent:
            wait_for_steps(parts, parent, step)
            for pid in [parent.pid, *children(parts)]:
                os.kill(pid, signal.SIGKILL)
        assert len(kept(parts)) > 5
        checkpoints = sorted(parts.folder.glob("out.chk_*"), key=lambda path: int(path.name.rpartition("_")[2]))
        start = "go_on"
        shutil.copy(checkpoints[-1], parts.folder / start)
    run_to_end(parts, start)
    one, other = kept(whole), kept(parts)
    assert [a.info["step"] for a in one] == [a.info["step"] for a in other] and len(one) == 100
    assert all(np.array_equal(a.positions, b.positions) for a, b in zip(one, other, strict=True))
