"""Reassignments that are drawn: bookkeeping, probabilities, what is refused, and plain i-PI afterwards."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from moe_ipi.frames import PERIODIC
from moe_ipi.regions.smooth import SmoothRegions
from moe_ipi.units import BOHR
from tests.helpers.adaptive import assignments, ledger, properties, write_input
from tests.helpers.case import Case
from tests.helpers.configs import CHANGING, GIBBS, GIBBS_SLAB
from tests.helpers.drawn import KB, TEMPERATURE, check_probabilities, differences
from tests.helpers.moe_ipi_run import run, run_to_end
from tests.helpers.processes import DriverThread, assert_one_error, ipi, wait_for


def recomputed(case: Case, beads: int, steps: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """At every step: ln(1 - s) (N,) of the centroid, complex - bulk (N,) eV of the beads' mean, B (eV)."""
    smooth, potential = SmoothRegions(case.config.regions, case.species), case.potential()
    frames = case.frames("pos", beads, steps + 1) * BOHR
    masks = assignments(case.folder)
    cell, n = case.atoms.cell.array, len(case.atoms)
    outside, gaps, bias = [], [], []
    for k, positions in enumerate(frames.reshape(steps + 1, beads, n, 3)):
        centroid = positions.mean(axis=0)
        outside.append(smooth.log_bulk(centroid, cell, PERIODIC))
        gaps.append(differences(potential, positions, cell))
        bias.append(KB * TEMPERATURE * smooth.bias(centroid, cell, PERIODIC, masks[k].astype(bool)).energy)
    return np.array(outside), np.array(gaps), np.array(bias)


@pytest.mark.parametrize(
    ("config", "beads"),
    [pytest.param(GIBBS, 1, marks=pytest.mark.slow), (GIBBS, 4), pytest.param(GIBBS_SLAB, 1, marks=pytest.mark.slow)],
    ids=["species", "species-beads", "slab"],
)
def test_probabilities_bias_and_bookkeeping(tmp_path: Path, config: str, beads: int) -> None:
    case = Case.create(tmp_path, config)
    run_to_end(
        case,
        write_input(case, steps=120, beads=beads, properties=", ensemble_bias{electronvolt}, moe_booked{electronvolt}"),
    )
    printed, lines = properties(tmp_path), ledger(tmp_path)
    outside, gaps, bias = recomputed(case, beads, 120)
    # i-PI's conserved quantity has the bias, which it prints after rows are written with the new assignment.
    np.testing.assert_allclose(printed[:, 3], bias, rtol=0, atol=1e-9)
    assert np.ptp(bias) > 0.05
    booked = np.zeros(121)
    changes = 0
    for line in lines:
        booked[line.step :] += line.jumps[0]
        p = check_probabilities(line.named, outside[line.step], gaps[line.step])
        if line.step:
            changes += len(line.joined | line.left)
            told = dict(word.split(":") for word in line.named["p"].split(",") if word != "-")
            assert {int(atom) for atom in told} == line.joined | line.left
            for atom, value in told.items():
                assert float(value) == pytest.approx(p[int(atom)], abs=1e-4)
    assert changes > 5
    np.testing.assert_allclose(printed[:, 4], booked, rtol=0, atol=1e-8)
    # The jump is that of the potential and of the bias, and nothing of it is in the conserved quantity.
    assert any(abs(float(line.named["dB"])) > 1e-3 for line in lines[1:])
    steps = abs(np.diff(printed[:, 1]))
    at = np.array([line.step for line in lines[1:] if line.joined or line.left]) - 1
    assert steps[at].max() < 1.5 * np.delete(steps, at).max() < 0.25 * max(abs(line.jumps[0]) for line in lines)


def test_the_bias_is_in_the_dynamics(tmp_path: Path) -> None:
    """Without a thermostat the energy with the bias is conserved."""
    case = Case.create(tmp_path, GIBBS)
    run_to_end(case, write_input(case, steps=20))
    # From the checkpoint, under plain i-PI: assignment and bias stay, and the energy is conserved.
    checkpoint = tmp_path / "out.chk_1"
    text = checkpoint.read_text().replace("mode='nvt'", "mode='nve'").replace("<total_steps>20", "<total_steps>60")
    before = properties(tmp_path)
    checkpoint.write_text(text)
    lines: list[str] = []
    driver = DriverThread(case.unix, case.evaluator(lines.append))
    with ipi(case, checkpoint) as child:
        wait_for(child)
    driver.finish()
    (line,) = lines
    assert f"assignment: {ledger(tmp_path)[1].n_complex} complex" in line
    after = properties(tmp_path)
    assert len(after) > len(before)
    conserved = after[11:, 1]
    assert np.ptp(conserved) < 0.05 * np.ptp(after[11:, 2])


def test_a_run_without_a_temperature_is_refused(tmp_path: Path) -> None:
    case = Case.create(tmp_path, GIBBS)
    with run(case, write_input(case, steps=10, ensemble="nve")) as parent:
        assert_one_error(wait_for(parent, 1), "draws assignments at a temperature")


@pytest.mark.slow
def test_the_kind_of_reassignment_does_not_change_in_the_middle(tmp_path: Path) -> None:
    case = Case.create(tmp_path / "rules", CHANGING)
    run_to_end(case, write_input(case, steps=20))
    (case.folder / "moe.toml").write_text(GIBBS)
    with run(case, "out.chk_1", "--accept-changes") as parent:
        assert_one_error(wait_for(parent, 1), 'started with reassignment = "rules"')
    case = Case.create(tmp_path / "gibbs", GIBBS)
    run_to_end(case, write_input(case, steps=20))
    for other in (GIBBS.replace('"gibbs"', '"rules"'), GIBBS + "segment_steps = 0\n"):
        (case.folder / "moe.toml").write_text(other)
        with run(case, "out.chk_1", "--accept-changes") as parent:
            assert_one_error(wait_for(parent, 1), 'started with reassignment = "gibbs"')


AUTO = GIBBS.replace('reassignment = "gibbs"\n', "")


@pytest.mark.parametrize(
    ("config", "ensemble", "drawn"),
    [
        (AUTO, "nvt", True),
        pytest.param(AUTO, "nve", False, marks=pytest.mark.slow),
        pytest.param(AUTO.replace("radius_out = 4.0", "radius_out = 2.9"), "nvt", False, marks=pytest.mark.slow),
        pytest.param(CHANGING, "nvt", False, marks=pytest.mark.slow),
    ],
)
def test_assignments_are_drawn_where_that_is_possible(tmp_path: Path, config: str, ensemble: str, drawn: bool) -> None:
    case = Case.create(tmp_path, config)
    output = run_to_end(case, write_input(case, steps=20, ensemble=ensemble))
    assert ("assignments will be drawn" in output) == drawn
    assert all(("expected" in line.named) == drawn for line in ledger(tmp_path))
    # What a checkpoint was made with goes on, whatever would be chosen now.
    run_to_end(case, "out.chk_1")
    assert all(("expected" in line.named) == drawn for line in ledger(tmp_path))
