"""Drift, force mixing, cost."""

import numpy as np
import pytest
import torch

from moe_ipi.regions.partitioner import Partitioner
from moe_ipi.validation import cost, dynamics
from moe_ipi.validation.force_mixing import ForceMixing
from tests.validation.subjects import config, numbers, slab, subject


def setup():
    some = subject()
    atoms = dynamics.thermalised(some.structure, some.calculator("complex"), 30, seed=2)
    regions = config().regions
    mask = Partitioner(regions, atoms.get_chemical_symbols()).assign(atoms.positions, atoms.cell.array, atoms.pbc)
    return some, atoms, mask


def test_force_mixing_breaks_newtons_third_law():
    some, atoms, mask = setup()
    forces = {}
    for name, calculator in (("mixing", ForceMixing(some.potential, mask)), ("moe", some.pair(mask))):
        work = atoms.copy()
        work.calc = calculator
        forces[name] = work.get_forces()
    assert np.abs(forces["moe"].sum(axis=0)).max() < 1e-10
    assert np.abs(forces["mixing"].sum(axis=0)).max() > 1e-3
    for name in ("complex", "bulk"):
        work = atoms.copy()
        work.calc = some.calculator(name)
        part = mask if name == "complex" else ~mask
        np.testing.assert_array_equal(forces["mixing"][part], work.get_forces()[part])


def test_the_check():
    check = dynamics.check(subject())
    assert check.passed and numbers(check)["force mixing, largest deviation over MoE's"] > 3
    rows = {row[0]: row for row in check.tables[0].rows}
    assert abs(rows["MoE"][2]) < 5 * abs(rows["complex everywhere"][2])


def test_energy_that_is_not_conserved_is_seen():
    """Against a calculator whose forces are wrong by 2 %."""
    some, atoms, _ = setup()

    class Wrong(type(some.calculator("complex"))):
        def calculate(self, *args, **kwargs):
            super().calculate(*args, **kwargs)
            self.results["forces"] = 1.02 * self.results["forces"]

    right = dynamics.nve(atoms, some.calculator("complex"), 60)
    wrong = dynamics.nve(atoms, Wrong(some, True), 60)
    assert wrong.drift.largest > 5 * right.drift.largest
    assert right.kinetic_sigma > 0 and right.per_sigma(len(slab())) < wrong.per_sigma(len(slab()))


def test_the_same_seed_gives_the_same_run():
    some, atoms, _ = setup()
    again = dynamics.thermalised(slab(), some.calculator("complex"), 30, seed=2)
    np.testing.assert_array_equal(atoms.positions, again.positions)
    np.testing.assert_array_equal(atoms.get_velocities(), again.get_velocities())


def test_cost_counts_edges_and_leaves_the_threads_alone():
    before = torch.get_num_threads()
    check = cost.check(subject())
    assert torch.get_num_threads() == before
    # 78 and 42 neighbours of a fcc atom lie within 5.0 A (4 shells and one more at 3.9 A) ... counted directly:
    from ase.neighborlist import neighbor_list

    crystal = subject().crystal().repeat(3)
    crystal.positions += np.random.default_rng(1).normal(0, 0.05, (len(crystal), 3))
    for row, cutoff in zip(check.tables[0].rows, (5.0, 4.2), strict=True):
        assert row[1] == cutoff and row[2] == len(neighbor_list("i", crystal, cutoff))
    assert check.passed is None  # analytic experts are not compiled
    assert numbers(check)["complex : bulk, per bulk atom"] == pytest.approx(1.6, abs=1.2)
