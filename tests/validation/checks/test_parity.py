"""Errors against labels."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.singlepoint import SinglePointCalculator

from moe_ipi.potential import MoEPotential
from moe_ipi.regions.partitioner import Partitioner
from moe_ipi.validation.checks import parity
from tests.helpers.structures import displaced
from tests.helpers.subjects import A0, config, labelled, numbers, slab, subject


def own_labels(atoms: Atoms, mask) -> Atoms:
    """``atoms`` with the pair's own energy and forces as labels."""
    out = MoEPotential.from_config(config(), atoms.get_chemical_symbols()).evaluate(
        atoms.positions[None], atoms.cell.array[None], mask
    )
    atoms.calc = SinglePointCalculator(atoms, energy=float(out.energies[0]), forces=out.forces[0])
    return atoms


def test_labels_that_are_the_models_own():
    """Complex labels: no complex error, and MoE is as far from them as from the complex expert."""
    frames = [displaced(slab(), k) for k in range(2)] + [displaced(bulk("Pt", a=A0, cubic=True), 5)]
    frames = [own_labels(a, np.ones(len(a), bool)) for a in frames]
    check = parity.check(subject(labels=frames))
    assert numbers(check)["complex expert, force RMSE"] < 1e-9
    assert numbers(check)["MoE / complex expert, force RMSE"] == float("inf")
    rows = {row[0]: row for row in check.tables[0].rows}
    assert rows["complex everywhere"][1] == 2 and rows["bulk, bulk frames"][1] == 1
    assert rows["MoE"][2] > 1 and rows["bulk, bulk frames"][2] > 1
    for row in check.tables[1].rows:
        assert row[2] == row[4] and row[3] == 0.0


def test_moe_labels_give_no_moe_error():
    atoms = displaced(slab(), 1)
    regions = config().regions
    mask = Partitioner(regions, atoms.get_chemical_symbols()).assign(atoms.positions, atoms.cell.array, atoms.pbc)
    assert 0 < mask.sum() < len(atoms)
    check = parity.check(subject(labels=[own_labels(atoms, mask)]))
    assert numbers(check)["MoE / complex expert, force RMSE"] < 1e-9


def test_errors_by_hand():
    atoms = labelled(slab(), 3)
    check = parity.check(subject(labels=[atoms]))
    out = MoEPotential.from_config(config(), atoms.get_chemical_symbols()).evaluate(
        atoms.positions[None], atoms.cell.array[None], np.ones(len(atoms), bool)
    )
    difference = out.forces[0] - atoms.get_forces()
    rmse = 1000 * np.sqrt((difference**2).mean())
    assert numbers(check)["complex expert, force RMSE"] == pytest.approx(rmse)
    relative = rmse / (10 * np.sqrt((atoms.get_forces() ** 2).mean()))
    assert numbers(check)["complex expert, force RMSE / RMS force"] == pytest.approx(relative)
    assert check.passed is False


def test_distances_from_the_interface():
    chain = Atoms("Pt4", positions=[[0, 0, 0], [2, 0, 0], [5, 0, 0], [9, 0, 0]], cell=[50, 50, 50], pbc=True)
    mask = np.array([True, True, False, False])
    assert parity.interface_distances(chain, mask) == pytest.approx([-5.0, -3.0, 3.0, 7.0])
    assert np.isnan(parity.interface_distances(chain, np.ones(4, bool))).all()
    rows = parity.by_distance(np.array([-0.5, 0.5, 0.6, np.nan]), np.array([1.0, 3.0, 4.0, 9.0]))
    assert rows == [(-0.5, 1, 1000.0), (0.5, 2, pytest.approx(1000 * np.sqrt(12.5)))]


def test_without_labels():
    assert "--labels" in parity.check(subject()).skipped
