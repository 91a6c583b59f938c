"""Runs with drawn reassignments sample the ensemble they should, and the comparison would show if they did not."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from moe_ipi.ledger import mean_and_error
from tests.ensemble.reference import Reference, Sampler
from tests.ensemble.runs import (
    TIMESTEP,
    Samples,
    calibration,
    model,
    reference_samples,
    run_samples,
    system,
    variation,
)


def test_the_forces_of_the_reference_are_derivatives() -> None:
    atoms, reference = system(), Reference(model())
    rng = np.random.default_rng(1)
    beads = atoms.positions + rng.normal(0.0, 0.05, (3, len(atoms), 3))
    point = reference.evaluate(beads)
    assert 2.5 < point.number < len(atoms) - 0.5
    h = 1e-4
    for b, i, x in product(range(3), (0, 4, 7, 8, 9), range(3)):
        energies = []
        for k in (-1, 1):
            moved = beads.copy()
            moved[b, i, x] += k * h
            energies.append(reference.evaluate(moved).energy)
        # Of a bead, as i-PI counts: three times that of the mean.
        assert -3 * (energies[1] - energies[0]) / (2 * h) == pytest.approx(point.forces[b, i, x], abs=1e-5)


def test_the_dynamics_of_the_reference_has_its_temperature() -> None:
    """Kinetic energy of the centroid, and the virial theorem for beads that nearly do not feel the potential."""
    atoms, reference = system(), Reference(model())
    sampler = Sampler(reference, np.repeat(atoms.positions[None], 2, axis=0), TIMESTEP, friction=10.0, seed=2)
    kinetic = []
    for _ in range(3000):
        sampler.step()
        kinetic.append(sampler.temperature())
    assert np.mean(kinetic[500:]) == pytest.approx(model().temperature, rel=0.05)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize(("beads", "segment"), [(1, 5), (1, 50), (4, 10)])
def test_averages_are_those_of_the_ensemble(tmp_path: Path, beads: int, segment: int) -> None:
    reference = reference_samples(beads, 100_000, seed=1)
    run = run_samples(tmp_path / "run", "gibbs", beads=beads, segment=segment, steps=20_000, seed=7)
    for name in ("potential", "number"):
        (found, error), (expected, other) = (mean_and_error(getattr(each, name)) for each in (run, reference))
        print(f"{name}: {found:.4f} +- {error:.4f}, reference {expected:.4f} +- {other:.4f}")
        assert abs(found - expected) < 3.5 * np.hypot(error, other)
    distance, noise = variation(run, reference)
    print(f"distances: total variation {distance:.4f}, noise {noise:.4f}")
    assert distance < 2 * noise
    score, spread = calibration(run)
    print(f"calibration: {score:+.2f}, variance {spread:.3f}; booked {mean_and_error(run.jumps)} eV")
    assert abs(score) < 4 and 0.8 < spread < 1.2
    jump, error = mean_and_error(run.jumps)
    assert abs(jump) < 4 * error


def samples(shift: float, seed: int) -> Samples:
    rng = np.random.default_rng(seed)
    variances = rng.uniform(0.1, 2.0, 4000)
    drawn = np.stack([5 + rng.normal(0, np.sqrt(variances)), np.full(4000, 5.0), variances], axis=1)
    distances = rng.normal(3.0 + shift, 0.5, (4000, 8))
    return Samples(rng.normal(shift, 1.0, 4000), np.zeros(4000), distances, np.zeros(4000), drawn)


def test_the_comparison_would_show_a_difference() -> None:
    one, same, other = samples(0.0, 1), samples(0.0, 2), samples(0.1, 3)
    distance, noise = variation(one, same)
    assert distance < 1.5 * noise
    assert variation(one, other)[0] > 3 * noise
    score, spread = calibration(one)
    assert abs(score) < 4 and 0.9 < spread < 1.1
    skewed = one.drawn + np.array([0.1, 0.0, 0.0])
    assert calibration(replace(one, drawn=skewed))[0] > 4
