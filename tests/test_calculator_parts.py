"""A calculator from parts, from whatever names a config, and copies of it."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path

import numpy as np
import pytest

from moe_ipi import MoECalculator, MoEPotential, load_config, pretrained
from moe_ipi.calculator import MoECalculator as Class
from moe_ipi.errors import ConfigError, ModelError, StructureError
from moe_ipi.experts.finnis_sinclair import FinnisSinclair
from moe_ipi.experts.nequip.module import expert_from_module
from moe_ipi.regions.partitioner import Partitioner
from tests.helpers import tiny_models
from tests.helpers.configs import ANALYTIC, AROUND_CO, models
from tests.helpers.structures import co_on_pt, random_mask


@pytest.fixture
def potential() -> MoEPotential:
    return MoEPotential(FinnisSinclair("complex"), FinnisSinclair("bulk"), co_on_pt().get_chemical_symbols())


def energy(calculator: MoECalculator, **structure: object) -> float:
    atoms = co_on_pt(**structure)
    atoms.calc = calculator
    return float(atoms.get_potential_energy())


@pytest.fixture(params=["analytic", "package", "checkpoint"])
def config(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / "moe.toml"
    kind = request.param
    experts = ANALYTIC if kind == "analytic" else models(request.getfixturevalue(kind), "sole_model", "bulk")
    path.write_text(experts + AROUND_CO)
    return path


@pytest.mark.parametrize("how", [copy.deepcopy, lambda c: pickle.loads(pickle.dumps(c))], ids=["deepcopy", "pickle"])
def test_a_copy_is_the_same_and_stands_alone(config: Path, how) -> None:
    original = MoECalculator.from_config(config)
    fresh = how(original)
    assert fresh.assignment is None
    expected = energy(original)
    assert energy(fresh) == expected
    # After a calculation, and with an assignment of its own: what is frozen goes along.
    mask = random_mask(len(co_on_pt()), 3)
    original.set_assignment(mask)
    imposed = energy(original)
    again = how(original)
    np.testing.assert_array_equal(again.assignment, mask)
    assert energy(again, seed=2) == energy(original, seed=2)
    assert imposed != expected
    again.set_assignment(None)
    assert energy(again) == expected
    np.testing.assert_array_equal(original.assignment, mask)


def test_an_expert_that_was_made_in_memory_can_be_copied_but_not_pickled() -> None:
    experts = [
        expert_from_module(tiny_models.allegro(seed), name=name) for seed, name in enumerate(("complex", "bulk"))
    ]
    calculator = MoECalculator(MoEPotential(*experts, species=co_on_pt().get_chemical_symbols()), hamiltonian="bulk")
    assert energy(copy.deepcopy(calculator)) == energy(calculator)
    with pytest.raises(ModelError, match="the complex expert was made in memory and cannot be pickled; load it from"):
        pickle.dumps(calculator)


def test_given_parts(potential: MoEPotential, tmp_path: Path) -> None:
    path = tmp_path / "moe.toml"
    path.write_text(ANALYTIC + AROUND_CO)
    partitioner = Partitioner(load_config(path).regions, potential.species)
    calculator = MoECalculator(potential, partitioner)
    assert calculator.potential is potential
    assert energy(calculator) == energy(MoECalculator.from_config(path))
    # Other atoms: the rules are the same.
    bare = co_on_pt((3, 2, 3))
    bare.calc = calculator
    assert bare.get_potential_energy() == energy(MoECalculator.from_config(path), size=(3, 2, 3))
    assert calculator.potential.species == tuple(bare.get_chemical_symbols())


@pytest.mark.parametrize("hamiltonian", ["bulk", "complex"])
def test_one_expert_needs_no_assignment(potential: MoEPotential, hamiltonian: str) -> None:
    calculator = MoECalculator(potential, hamiltonian=hamiltonian)
    atoms = co_on_pt()
    atoms.calc = calculator
    mask = np.full(len(atoms), hamiltonian == "complex")
    out = potential.evaluate(atoms.positions[None], atoms.cell.array[None], mask)
    assert atoms.get_potential_energy() == out.energies[0]
    np.testing.assert_array_equal(atoms.get_forces(), out.forces[0])
    assert calculator.assignment is None
    direct = potential.evaluate(atoms.positions[None], atoms.cell.array[None], hamiltonian=hamiltonian)
    np.testing.assert_array_equal(direct.forces, out.forces)


@pytest.mark.parametrize("hamiltonian", ["moe", "correction"])
def test_two_experts_need_an_assignment(potential: MoEPotential, hamiltonian: str) -> None:
    calculator = MoECalculator(potential, hamiltonian=hamiltonian)
    message = f"the energy '{hamiltonian}' needs an assignment"
    with pytest.raises(StructureError, match=f"{message}: give the calculator a partitioner, or call set_assignment"):
        energy(calculator)
    calculator.set_assignment(random_mask(len(co_on_pt()), 1))
    assert np.isfinite(energy(calculator))
    atoms = co_on_pt()
    with pytest.raises(StructureError, match=message):
        potential.evaluate(atoms.positions[None], atoms.cell.array[None], hamiltonian=hamiltonian)


def test_the_parts_add_up(potential: MoEPotential) -> None:
    mask = random_mask(len(co_on_pt()), 2)
    energies = {}
    for hamiltonian in ("moe", "bulk", "correction"):
        calculator = MoECalculator(potential, hamiltonian=hamiltonian)
        calculator.set_assignment(mask)
        energies[hamiltonian] = energy(calculator)
    assert energies["moe"] == pytest.approx(energies["bulk"] + energies["correction"], rel=1e-13)


@pytest.mark.parametrize("how", ["name", "path", "text", "config"])
def test_from_whatever_names_a_config(how: str) -> None:
    path = pretrained("pt-co")
    config = {"name": "pt-co", "path": path, "text": str(path), "config": load_config(path)}[how]
    calculator = MoECalculator.from_config(config)
    # It is there at once, for no atoms yet.
    assert isinstance(calculator.potential, MoEPotential) and calculator.potential.species == ()
    assert calculator.potential.complex.cutoff > 0 and Class is MoECalculator


def test_neither_a_file_nor_a_name() -> None:
    with pytest.raises(ConfigError, match=r"there is no config 'pt-au'; .* the name of a shipped pair: pt-co"):
        MoECalculator.from_config("pt-au")


def test_unknown_species_are_named(potential: MoEPotential) -> None:
    atoms = co_on_pt()
    atoms.symbols[0] = "Au"
    atoms.calc = MoECalculator(potential, hamiltonian="bulk")
    with pytest.raises(StructureError, match="contains Au"):
        atoms.get_potential_energy()
