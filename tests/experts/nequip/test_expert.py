"""A model in memory as an expert: nothing is lost on the way."""

from __future__ import annotations

import numpy as np
import pytest

from moe_ipi.errors import ModelError
from moe_ipi.experts.expert import Environments
from moe_ipi.experts.nequip.module import expert_from_module
from moe_ipi.potential import MoEPotential
from tests.helpers import tiny_models
from tests.helpers.comparison import assert_equals_calculator, calculator
from tests.helpers.structures import co_on_pt, random_mask


def test_equals_nequip_calculator_in_float64():
    module = tiny_models.allegro(3)
    assert_equals_calculator(expert_from_module(module), calculator(module), 1e-12)


def test_equals_nequip_calculator_in_float32():
    module = tiny_models.allegro(3, dtype="float32")
    assert_equals_calculator(expert_from_module(module), calculator(module), 2e-6)


def test_per_edge_type_cutoffs_are_respected():
    module = tiny_models.allegro(4, per_edge_type_cutoff={"Pt": 4.0, "C": 2.5, "O": {"Pt": 3.0, "C": 2.0, "O": 2.0}})
    assert_equals_calculator(expert_from_module(module), calculator(module), 1e-12)


def test_type_names_must_be_elements():
    with pytest.raises(ModelError, match="must be chemical symbols, but it has Pt_step"):
        expert_from_module(tiny_models.allegro(1, type_names=("Pt", "Pt_step")))


def test_experts_with_different_species_are_refused():
    first = expert_from_module(tiny_models.allegro(1))
    second = expert_from_module(tiny_models.allegro(1, type_names=("Pt", "C")))
    with pytest.raises(ModelError, match="different species"):
        MoEPotential(first, second, ["Pt"])


def test_species_in_another_order_are_mapped():
    atoms = co_on_pt()
    module = tiny_models.allegro(2, type_names=("O", "Pt", "C"))
    expert = expert_from_module(module)
    other = expert_from_module(tiny_models.allegro(3))
    potential = MoEPotential(expert, other, atoms.get_chemical_symbols())
    mask = random_mask(len(atoms), 0)
    out = potential.evaluate(atoms.positions[None], atoms.cell.array[None], mask)
    atoms.calc = calculator(module, ("O", "Pt", "C"))
    assert np.allclose(out.atom_energies[0][mask], atoms.get_potential_energies()[mask], rtol=1e-12, atol=0)


@pytest.mark.parametrize("n_edges", [0, 1, 2])
def test_atoms_with_hardly_any_neighbour(n_edges):
    expert = expert_from_module(tiny_models.allegro(1))
    vectors = np.array([[1.5, 0.2, 0.0], [0.0, 1.9, 0.4]])[:n_edges]
    environments = Environments(vectors, np.zeros(n_edges, int), np.array([0, 2]), np.ones(n_edges, int))
    energies, gradients = expert.evaluate(environments)
    assert gradients.shape == (n_edges, 3)
    assert energies[1] == tiny_models.SHIFTS["O"]
    assert (energies[0] == tiny_models.SHIFTS["Pt"]) == (n_edges == 0)
