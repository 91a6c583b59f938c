"""One Hamiltonian in each segment, and what is booked between two; with real i-PI and sockets."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.helpers import inputs
from tests.helpers.adaptive import check_every_frame, ledger, properties, write_input
from tests.helpers.case import Case
from tests.helpers.configs import CHANGING
from tests.helpers.moe_ipi_run import run_to_end


def nve(folder: Path, timestep: float, *, hamiltonian: str = "moe") -> tuple[Case, np.ndarray]:
    """200 fs of CO that leaves its hot slab in segments of 10 fs, and what i-PI printed."""
    case = Case.create(folder, CHANGING)
    steps = round(200 / timestep)
    more = ", kinetic_md{electronvolt}, moe_booked{electronvolt}, moe_segment, moe_n_complex"
    input = write_input(
        case,
        steps=steps,
        stride=round(10 / timestep),
        ensemble="nve",
        timestep=timestep,
        options=inputs.hamiltonian(hamiltonian),
        properties=more,
    )
    run_to_end(case, input)
    return case, properties(case.folder)


def test_the_conserved_quantity_is_continuous_because_jumps_are_booked(tmp_path: Path) -> None:
    case, printed = nve(tmp_path / "moe", 0.5)
    lines = ledger(case.folder)
    changed = [line for line in lines[1:] if line.joined or line.left]
    assert len(changed) >= 5
    conserved, total = printed[:, 1], printed[:, 2] + printed[:, 3]
    between = np.setdiff1d(np.arange(1, len(printed)), [line.step for line in lines])
    usual = abs(np.diff(conserved))[between - 1].max()
    for line in changed:
        # Booked: the step across the boundary is like any other.
        assert abs(conserved[line.step] - conserved[line.step - 1]) < 1.5 * usual
        # Kinetic plus potential energy alone jump, by what the ledger says.
        step = total[line.step] - total[line.step - 1]
        assert step == pytest.approx(line.jumps[0], abs=1.5 * usual)
    largest = max(abs(line.jumps[0]) for line in changed)
    assert largest > 20 * usual
    assert np.ptp(conserved) < 0.1 * np.ptp(total)
    print(f"{len(changed)} changes; step usually below {1000 * usual:.3f} meV, largest jump {1000 * largest:.1f} meV")
    # The columns that i-PI prints for us say the same as the ledger.
    booked = np.zeros(len(printed))
    for line in lines:
        booked[line.step :] += line.jumps[0]
        stop = line.step + 20
        np.testing.assert_array_equal(printed[line.step : stop, 5], line.segment)
        np.testing.assert_array_equal(printed[line.step : stop, 6], line.n_complex)
    np.testing.assert_allclose(printed[:, 4], booked, rtol=0, atol=1e-9)
    check_every_frame(case)


@pytest.mark.slow
def test_in_a_segment_the_energy_is_conserved_as_with_the_full_expert(tmp_path: Path) -> None:
    """Fluctuations of velocity Verlet: as large as those of the complex expert alone, and going with dt^2."""
    noise = {}
    for timestep in (0.5, 1.0):
        for hamiltonian in ("moe", "complex"):
            _, printed = nve(tmp_path / f"{hamiltonian}{timestep}", timestep, hamiltonian=hamiltonian)
            parts = printed[1:, 1].reshape(20, -1)
            noise[hamiltonian, timestep] = float(np.sqrt(np.mean(parts.var(axis=1))))
    print({key: f"{1000 * value:.4f} meV" for key, value in noise.items()})
    for timestep in (0.5, 1.0):
        assert noise["moe", timestep] == pytest.approx(noise["complex", timestep], rel=0.3)
    for hamiltonian in ("moe", "complex"):
        assert noise[hamiltonian, 1.0] / noise[hamiltonian, 0.5] == pytest.approx(4.0, rel=0.2)
