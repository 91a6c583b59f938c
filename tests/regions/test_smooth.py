"""Smooth weights and the bias: formulas, derivatives, periodic images, extremes."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from ase import Atoms
from hypothesis import given, settings
from hypothesis import strategies as st

from moe_ipi.config import RegionsConfig
from moe_ipi.errors import ConfigError, StructureError
from moe_ipi.regions.smooth import SmoothRegions, log_complex
from moe_ipi.regions.switch import EDGE, REACH, SLOPE, log_outside
from tests.helpers.smooth import check_derivatives, drawn, log_bulk, step
from tests.helpers.structures import co_on_pt

REGIONS = {"radius_in": 2.6, "radius_out": 4.4, "rules": [{"type": "species", "species": ["C", "O"]}]}


def regions(**changes: object) -> RegionsConfig:
    return RegionsConfig.model_validate(REGIONS | changes)


def slab() -> Atoms:
    """CO twice in a small triclinic cell: atoms see several seeds and several images of each."""
    atoms = co_on_pt((2, 2, 2), a=3.92, vacuum=6.0, rattle=0.2, seed=3)
    atoms += Atoms("CO", positions=atoms.positions[:2] + np.array([0.7, 1.2, 7.5]))
    atoms.positions += [3.0, -20.0, 50.0]  # not wrapped
    return atoms


def test_the_step_is_smooth_and_its_logarithms_have_bounded_slopes() -> None:
    for u in (EDGE, 1 - EDGE):
        below, above = log_outside(u - 1e-9), log_outside(u + 1e-9)
        np.testing.assert_allclose(below, above, rtol=1e-6)
    us = np.linspace(-3, 4, 4001)
    values, slopes = np.array([log_outside(u) for u in us]).T
    assert (np.diff(values) >= 0).all() and values[-1] == 0 and slopes.max() <= SLOPE * (1 + 1e-12)
    np.testing.assert_allclose(np.gradient(values, us)[1:-1], slopes[1:-1], atol=5e-2)
    f = np.array([step(u, 0, 1) for u in us])
    near = us < 1.5
    np.testing.assert_allclose(1 - np.exp(values[near]), f[near], atol=1e-15)
    # As steep for a complex atom far out.
    out = (us > 1 - EDGE) & (us < REACH)
    np.testing.assert_allclose(np.diff(np.log(-np.expm1(values[out]))) / np.diff(us[out]), -SLOPE, rtol=1e-3)


def test_the_weights_are_products_over_all_images() -> None:
    atoms, config = slab(), regions()
    smooth = SmoothRegions(config, atoms.get_chemical_symbols())
    expected = np.ones(len(atoms))
    for n in product(range(-2, 3), repeat=3):
        for j in np.flatnonzero(smooth.seeds):
            vectors = atoms.positions - atoms.positions[j] - n @ atoms.cell.array
            for i, r in enumerate(np.linalg.norm(vectors, axis=1)):
                if not smooth.seeds[i]:
                    expected[i] *= 1 - step(r, config.inner, config.outer)
    found = log_bulk(smooth, atoms)
    assert (found[smooth.seeds] == -np.inf).all()
    free = ~smooth.seeds
    np.testing.assert_allclose(np.exp(found[free]), expected[free], rtol=1e-12, atol=1e-15)
    assert ((expected[free] > 0.01) & (expected[free] < 0.99)).sum() >= 3


@pytest.mark.parametrize("seed", range(4))
def test_forces_and_virial_are_derivatives(seed: int) -> None:
    atoms = slab()
    atoms.rattle(0.3, seed=seed)
    smooth = SmoothRegions(regions(), atoms.get_chemical_symbols())
    assignment = drawn(smooth, atoms, seed)
    bias = smooth.bias(atoms.positions, atoms.cell.array, tuple(atoms.pbc), assignment)
    np.testing.assert_allclose(bias.forces.sum(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(bias.virial, bias.virial.T, atol=1e-11)
    check_derivatives(smooth, atoms, assignment)


def test_the_energy_is_the_logarithm_of_the_weights() -> None:
    atoms = slab()
    smooth = SmoothRegions(regions(), atoms.get_chemical_symbols())
    outside = log_bulk(smooth, atoms)
    for seed in range(3):
        assignment = drawn(smooth, atoms, seed)
        logs = np.where(assignment, log_complex(outside), outside)[~smooth.seeds]
        energy = smooth.bias(atoms.positions, atoms.cell.array, tuple(atoms.pbc), assignment).energy
        assert energy == pytest.approx(-logs.sum(), rel=1e-12)


@settings(max_examples=60, deadline=None)
@given(st.floats(0.2, 12.0), st.booleans())
def test_nothing_overflows(distance: float, complex: bool) -> None:
    """From an atom upon the seed to one beyond its reach."""
    atoms = Atoms("CPtPt", positions=[[0, 0, 0], [distance, 0, 0], [0, 3.1, 0]], cell=[40, 40, 40], pbc=True)
    smooth = SmoothRegions(regions(), ["C", "Pt", "Pt"])
    assignment = np.array([True, complex, False])
    reach = 2.6 + 1.8 * REACH
    if complex and distance > reach:
        with pytest.raises(StructureError, match=r"atom 1 .* has left the region"):
            smooth.bias(atoms.positions, atoms.cell.array, (True, True, True), assignment)
        return
    bias = smooth.bias(atoms.positions, atoms.cell.array, (True, True, True), assignment)
    assert np.isfinite(bias.energy) and np.isfinite(bias.forces).all() and np.isfinite(bias.virial).all()
    assert abs(bias.forces[1]).max() <= SLOPE / 1.8 * (1 + 1e-9)


def test_seeds_have_no_bias_and_must_be_complex() -> None:
    atoms = slab()
    smooth = SmoothRegions(regions(), atoms.get_chemical_symbols())
    with pytest.raises(StructureError, match="a seed of the complex region has the bulk expert"):
        smooth.bias(atoms.positions, atoms.cell.array, tuple(atoms.pbc), ~smooth.seeds)


def test_a_list_that_is_used_again_gives_the_same_bits() -> None:
    """A run that goes on has an old neighbour list, one that was restarted a new one."""
    atoms = slab()
    species = atoms.get_chemical_symbols()
    old = SmoothRegions(regions(), species)
    assignment = drawn(old, atoms, 1)
    old.bias(atoms.positions, atoms.cell.array, tuple(atoms.pbc), assignment)
    atoms.rattle(0.1, seed=9)
    one, other = (
        smooth.bias(atoms.positions, atoms.cell.array, tuple(atoms.pbc), assignment)
        for smooth in (old, SmoothRegions(regions(), species))
    )
    assert one.energy == other.energy and (one.forces == other.forces).all() and (one.virial == other.virial).all()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"rules": [{"type": "coordination", "species": ["Pt"], "cutoff": 3.3, "below": 9}]},
            "type 'coordination' do;",
        ),
        ({"rules": []}, "at least one rule"),
        ({"radius_out": 2.65}, "give radius_in and radius_out, about 1 A apart"),
        ({"dwell": 2}, "regions.dwell"),
    ],
)
def test_what_has_no_weights_is_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        SmoothRegions(regions(**changes), ["Pt", "C", "O"])
