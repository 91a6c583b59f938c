"""A model in memory as an expert: nothing is lost on the way."""

from __future__ import annotations

import numpy as np
import pytest

from moe_ipi.errors import ModelError, StructureError
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


def test_a_bulk_expert_that_knows_fewer_elements():
    """It counts for whatever it can evaluate, exactly, and says so of anything else."""
    atoms = co_on_pt((2, 2, 5))
    species = atoms.get_chemical_symbols()
    module = tiny_models.allegro(1, type_names=("Pt",), cutoff=3.0)
    complex, bulk = expert_from_module(tiny_models.allegro(2)), expert_from_module(module)
    potential = MoEPotential(complex, bulk, species)
    frame = (atoms.positions[None], atoms.cell.array[None])
    adsorbate = np.flatnonzero(np.array(species) != "Pt")
    near = np.any([atoms.get_distances(i, range(len(atoms)), mic=True) < 3.0 for i in adsorbate], axis=0)
    assert len(adsorbate) < near.sum() < len(atoms)
    out = potential.evaluate(*frame, near)
    every = MoEPotential(complex, complex, species).evaluate(*frame, hamiltonian="complex").atom_energies[0]
    slab = atoms[~np.isin(np.arange(len(atoms)), adsorbate)]
    alone = MoEPotential(bulk, bulk, ["Pt"] * len(slab)).evaluate(slab.positions[None], *frame[1:], hamiltonian="bulk")
    of_bulk = alone.atom_energies[0][~near[np.array(species) == "Pt"]]
    np.testing.assert_allclose(out.atom_energies[0][near], every[near], atol=1e-12)
    np.testing.assert_allclose(out.atom_energies[0][~near], of_bulk, atol=1e-12)
    with pytest.raises(StructureError, match=r"bulk expert does not know C O, but such an atom is within 3 A"):
        potential.evaluate(*frame, np.isin(np.arange(len(atoms)), adsorbate))
    with pytest.raises(StructureError, match=r"bulk expert does not know C O, but has to evaluate such an atom"):
        potential.evaluate(*frame, hamiltonian="bulk")
    with pytest.raises(StructureError, match="contains Au, but the experts know only Pt C O"):
        MoEPotential(complex, bulk, ["Au", "Pt"])


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
