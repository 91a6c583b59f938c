"""The ASE calculator."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from ase.build import bulk
from ase.calculators.fd import calculate_numerical_forces, calculate_numerical_stress

from moe_ipi import MoECalculator, MoEPotential, pretrained
from moe_ipi.errors import ConfigError, StructureError
from moe_ipi.experts.finnis_sinclair import FinnisSinclair
from tests.helpers.configs import ANALYTIC, AROUND_CO
from tests.helpers.structures import co_on_pt


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "moe.toml"
    path.write_text(ANALYTIC + AROUND_CO)
    return path


def test_all_properties(config):
    atoms = co_on_pt()
    atoms.calc = MoECalculator.from_config(config)
    assert atoms.calc.assignment is None
    forces, stress = atoms.get_forces(), atoms.get_stress()
    assert np.allclose(calculate_numerical_forces(atoms, eps=1e-5, iatoms=[0, 11, 12]), forces[[0, 11, 12]], atol=2e-6)
    assert np.allclose(calculate_numerical_stress(atoms, eps=1e-5), stress, atol=1e-6)
    assert atoms.get_potential_energy() == pytest.approx(atoms.get_potential_energies().sum(), rel=1e-13)
    assert atoms.get_potential_energy(force_consistent=True) == atoms.get_potential_energy()
    mask = atoms.calc.assignment
    assert mask.dtype == bool
    assert mask[-2:].all()
    assert 2 < mask.sum() < len(atoms)


def test_equals_the_potential(config):
    atoms = co_on_pt()
    atoms.calc = MoECalculator.from_config(config)
    energy = atoms.get_potential_energy()
    potential = MoEPotential(FinnisSinclair("complex"), FinnisSinclair("bulk"), atoms.get_chemical_symbols())
    out = potential.evaluate(atoms.positions[None], atoms.cell.array[None], atoms.calc.assignment)
    assert energy == out.energies[0]
    assert np.array_equal(atoms.get_forces(), out.forces[0])


def test_the_assignment_is_frozen(config):
    atoms = co_on_pt((4, 4, 3))
    atoms.calc = MoECalculator.from_config(config)
    atoms.get_potential_energy()
    first = atoms.calc.assignment
    atoms.positions[-2:, 0] += 5.6
    atoms.get_potential_energy()
    assert np.array_equal(atoms.calc.assignment, first)
    atoms.calc.set_assignment(None)
    atoms.get_potential_energy()
    assert not np.array_equal(atoms.calc.assignment, first)


def test_an_imposed_assignment_is_used(config):
    atoms = co_on_pt()
    atoms.calc = MoECalculator.from_config(config)
    by_rules = atoms.get_potential_energy()
    mask = np.ones(len(atoms), bool)
    atoms.calc.set_assignment(mask)
    assert atoms.get_potential_energy() != by_rules
    mask[:] = False
    assert atoms.calc.assignment.all()


@pytest.mark.parametrize("mask", [[0, 3], [[True, False]], [1.0, 0.0]])
def test_what_is_no_mask_is_refused(config, mask):
    with pytest.raises(StructureError, match="one boolean per atom"):
        MoECalculator.from_config(config).set_assignment(mask)


def test_a_mask_of_another_length_is_refused(config):
    atoms = co_on_pt()
    atoms.calc = MoECalculator.from_config(config)
    atoms.calc.set_assignment(np.ones(3, bool))
    with pytest.raises(StructureError, match="assignment"):
        atoms.get_potential_energy()


def test_another_system_starts_afresh(config):
    calc = MoECalculator.from_config(config)
    with_co, without = co_on_pt(), bulk("Pt", cubic=True)
    for atoms in (with_co, without, with_co):
        copy = atoms.copy()
        copy.calc = calc
        copy.get_potential_energy()
        assert calc.assignment.any() == (atoms is with_co)


def test_no_stress_without_periodicity(config):
    atoms = co_on_pt()
    atoms.pbc = (True, True, False)
    atoms.calc = MoECalculator.from_config(config)
    assert np.isfinite(atoms.get_forces()).all()
    assert "stress" not in atoms.calc.results


def test_by_name(config):
    code = f"""
import moe_ipi.calculator
from ase.calculators.calculator import get_calculator_class
calculator = get_calculator_class("moe_ipi").from_config({str(config)!r})
assert type(calculator) is moe_ipi.MoECalculator
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_shipped_pair():
    atoms = co_on_pt()
    atoms.calc = MoECalculator.from_config(pretrained("pt-co"))
    forces = atoms.get_forces()
    assert np.isfinite(forces).all()
    assert np.abs(forces.sum(axis=0)).max() < 1e-5
    assert atoms.calc.assignment[-2:].all()


def test_shipped_pair_has_one_set_of_shifts():
    """An atom that changes expert keeps its reference energy."""
    from ase import Atoms

    far = Atoms("PtCO", positions=[[0, 0, 0], [30, 0, 0], [0, 30, 0]])
    energies = []
    for value in (True, False):
        far.calc = MoECalculator.from_config(pretrained("pt-co"))
        far.calc.set_assignment(np.full(3, value))
        energies.append(far.get_potential_energies())
    assert np.array_equal(*energies)


def test_unknown_shipped_pair():
    with pytest.raises(ConfigError, match="no shipped pair 'gold'; there is: pt-co"):
        pretrained("gold")


def test_agreement_asks_the_experts(tmp_path):
    path = tmp_path / "moe.toml"
    path.write_text(ANALYTIC + '[regions]\nradius = 0.0\n[[regions.rules]]\ntype = "agreement"\ntolerance = 0.05\n')
    atoms = co_on_pt()
    atoms.calc = MoECalculator.from_config(path)
    atoms.get_potential_energy()
    experts = [atoms.calc.assignment]
    for mask in (np.ones(len(atoms), bool), np.zeros(len(atoms), bool)):
        atoms.calc.set_assignment(mask)
        experts.append(atoms.get_potential_energies())
    found, complex, cheap = experts
    np.testing.assert_array_equal(found, abs(complex - cheap) > 0.05)
    assert 0 < found.sum() < len(found)
