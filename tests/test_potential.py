"""The mixed energy: composition, exact derivatives, symmetries, degenerate cases."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, make_supercell
from hypothesis import given, settings
from hypothesis import strategies as st
from nequip.integrations.ase import NequIPCalculator
from nequip.integrations.utils import basic_transforms

from moe_ipi.errors import StructureError
from moe_ipi.experts.finnis_sinclair import FinnisSinclair
from moe_ipi.experts.nequip.module import expert_from_module
from moe_ipi.potential import MoEPotential
from tests.helpers import tiny_models
from tests.helpers.structures import co_on_pt, random_mask

CUTOFFS = {"complex": 4.5, "bulk": 3.6}


@pytest.fixture(scope="module")
def modules():
    return {name: tiny_models.allegro(seed, cutoff=CUTOFFS[name]) for seed, name in enumerate(CUTOFFS)}


@pytest.fixture(scope="module", params=["allegro", "finnis-sinclair"])
def experts(request, modules):
    if request.param == "finnis-sinclair":
        return {name: FinnisSinclair(name) for name in CUTOFFS}
    return {name: expert_from_module(module) for name, module in modules.items()}


def evaluate(experts, atoms, mask):
    potential = MoEPotential(**experts, species=atoms.get_chemical_symbols())
    return potential.evaluate(atoms.positions[None], atoms.cell.array[None], mask, atoms.pbc)


def masks(n):
    one = np.zeros(n, bool)
    one[n // 2] = True
    yield from (np.ones(n, bool), np.zeros(n, bool), one, ~one)
    yield from (random_mask(n, seed) for seed in range(3))


def test_energies_are_those_of_nequips_own_calculator(modules):
    atoms = co_on_pt()
    experts = {name: expert_from_module(module) for name, module in modules.items()}
    energies = {}
    for name, module in modules.items():
        names = {s: s for s in tiny_models.TYPE_NAMES}
        transforms = basic_transforms(module.metadata, CUTOFFS[name], list(tiny_models.TYPE_NAMES), names)
        calc = NequIPCalculator(module.eval(), "cpu", transforms=transforms)
        energies[name] = calc.get_property("energies", atoms.copy())
    for mask in masks(len(atoms)):
        out = evaluate(experts, atoms, mask)
        expected = np.where(mask, energies["complex"], energies["bulk"])
        assert np.allclose(out.atom_energies[0], expected, rtol=1e-13, atol=0)
        assert out.energies[0] == pytest.approx(expected.sum(), rel=1e-13)


def test_forces_are_minus_the_gradient(experts):
    atoms = co_on_pt()
    step = 1e-4
    for mask in (random_mask(len(atoms), 0), random_mask(len(atoms), 1)):
        forces = evaluate(experts, atoms, mask).forces[0]
        for i, a in ((0, 0), (5, 1), (9, 2), (11, 0), (12, 2), (13, 1)):
            energies = []
            for k in (-2, -1, 1, 2):
                moved = atoms.copy()
                moved.positions[i, a] += k * step
                energies.append(evaluate(experts, moved, mask).energies[0])
            # five-point stencil
            numeric = -(energies[0] - 8 * energies[1] + 8 * energies[2] - energies[3]) / (12 * step)
            assert forces[i, a] == pytest.approx(numeric, abs=2e-7, rel=1e-7)


def test_virial_is_minus_the_strain_derivative(experts):
    atoms = co_on_pt()
    mask = random_mask(len(atoms), 2)
    virial = evaluate(experts, atoms, mask).virials[0]
    step = 1e-5
    for a, b in ((0, 0), (1, 1), (2, 2), (0, 1), (1, 2), (0, 2)):
        energies = []
        for k in (-2, -1, 1, 2):
            strain = np.zeros((3, 3))
            strain[a, b] += 0.5 * k * step
            strain[b, a] += 0.5 * k * step
            strained = atoms.copy()
            strained.set_cell(atoms.cell @ (np.eye(3) + strain), scale_atoms=True)
            energies.append(evaluate(experts, strained, mask).energies[0])
        numeric = -(energies[0] - 8 * energies[1] + 8 * energies[2] - energies[3]) / (12 * step)
        assert virial[a, b] == pytest.approx(numeric, abs=5e-6, rel=1e-6)
    assert np.array_equal(virial, virial.T)


def test_net_force_is_zero(experts):
    atoms = co_on_pt()
    for mask in masks(len(atoms)):
        assert np.abs(evaluate(experts, atoms, mask).forces[0].sum(axis=0)).max() < 1e-11


def test_same_input_same_bits(experts):
    atoms = co_on_pt()
    mask = random_mask(len(atoms), 0)
    first, second = (evaluate(experts, atoms, mask) for _ in range(2))
    assert np.array_equal(first.forces, second.forces)
    assert np.array_equal(first.energies, second.energies)


def assert_same(one, two, order=slice(None)):
    assert np.allclose(two.atom_energies[0], one.atom_energies[0][order], rtol=1e-10, atol=1e-10)
    assert np.allclose(two.forces[0], one.forces[0][order], rtol=1e-9, atol=1e-9)
    assert np.allclose(two.virials, one.virials, rtol=1e-9, atol=1e-8)


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**31))
def test_order_of_atoms_does_not_matter(experts, seed):
    atoms = co_on_pt()
    order = np.random.default_rng(seed).permutation(len(atoms))
    mask = random_mask(len(atoms), seed)
    assert_same(evaluate(experts, atoms, mask), evaluate(experts, atoms[order], mask[order]), order)


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**31))
def test_images_do_not_matter(experts, seed):
    atoms = co_on_pt()
    mask = random_mask(len(atoms), seed)
    moved = atoms.copy()
    moved.positions += np.random.default_rng(seed).integers(-3, 4, (len(atoms), 3)) @ atoms.cell.array
    assert_same(evaluate(experts, atoms, mask), evaluate(experts, moved, mask))


@settings(max_examples=10, deadline=None)
@given(shears=st.lists(st.integers(-1, 1), min_size=6, max_size=6))
def test_choice_of_lattice_vectors_does_not_matter(experts, shears):
    atoms = co_on_pt()
    lower, upper = np.eye(3), np.eye(3)
    lower[np.tril_indices(3, -1)] = shears[:3]
    upper[np.triu_indices(3, 1)] = shears[3:]
    mask = random_mask(len(atoms), 1)
    other = atoms.copy()
    other.set_cell(lower @ upper @ atoms.cell.array, scale_atoms=False)
    assert_same(evaluate(experts, atoms, mask), evaluate(experts, other, mask))


def test_supercell_is_so_many_cells(experts):
    atoms = co_on_pt()
    mask = random_mask(len(atoms), 0)
    one = evaluate(experts, atoms, mask)
    atoms.set_array("mask", mask)
    atoms.set_array("index", np.arange(len(atoms)))
    big = make_supercell(atoms, [[2, 0, 0], [1, 1, 0], [0, 0, 1]])
    two = evaluate(experts, big, big.get_array("mask"))
    index = big.get_array("index")
    assert two.energies[0] == pytest.approx(2 * one.energies[0], rel=1e-12)
    assert np.allclose(two.forces[0], one.forces[0][index], rtol=1e-9, atol=1e-9)
    assert np.allclose(two.virials, 2 * one.virials, rtol=1e-9, atol=1e-8)


def test_one_atom_that_sees_only_its_own_images(experts):
    small = bulk("Pt", a=3.977)
    big = small.repeat((4, 4, 4))
    one = evaluate(experts, small, np.array([True]))
    many = evaluate(experts, big, np.ones(64, bool))
    assert many.energies[0] == pytest.approx(64 * one.energies[0], rel=1e-12)
    assert np.allclose(64 * one.virials, many.virials, rtol=1e-9, atol=1e-8)
    assert np.abs(one.forces).max() < 1e-12


def test_batch_equals_single_frames(experts):
    frames = [co_on_pt(seed=seed) for seed in range(4)]
    for k, atoms in enumerate(frames):
        atoms.set_cell(atoms.cell * (1 + 0.01 * k), scale_atoms=True)
    mask = random_mask(len(frames[0]), 3)
    potential = MoEPotential(**experts, species=frames[0].get_chemical_symbols())
    batch = potential.evaluate([a.positions for a in frames], [a.cell.array for a in frames], mask)
    for k, atoms in enumerate(frames):
        single = evaluate(experts, atoms, mask)
        for name in ("energies", "forces", "virials", "atom_energies"):
            assert np.allclose(getattr(batch, name)[k], getattr(single, name)[0], rtol=1e-12, atol=1e-12)


def test_atoms_without_neighbours_have_their_shift(experts):
    far = Atoms("PtCO", positions=[[0, 0, 0], [20, 0, 0], [0, 20, 0]])
    out = evaluate(experts, far, np.array([True, False, True]))
    expected = [tiny_models.SHIFTS[s] for s in ("Pt", "C", "O")]
    assert np.array_equal(out.atom_energies[0], expected)
    assert not out.forces.any()


def test_molecule_without_a_cell(experts):
    molecule = Atoms("CO", positions=[[0, 0, 0], [0, 0, 1.15]])
    boxed = Atoms("CO", positions=molecule.positions, cell=[15, 15, 15], pbc=True)
    mask = np.array([True, False])
    assert np.array_equal(evaluate(experts, molecule, mask).forces, evaluate(experts, boxed, mask).forces)


def test_bad_shapes_and_numbers_are_refused():
    potential = MoEPotential(FinnisSinclair("complex"), FinnisSinclair("bulk"), ["Pt", "C"])
    r, h, a = np.array([[[0, 0, 0], [2, 0, 0.0]]]), 10 * np.eye(3)[None], np.ones(2, bool)
    assert np.isfinite(potential.evaluate(r, h, a).energies).all()
    cases = [
        ((r[:, :1], h, a), r"positions have the shape \(1, 1, 3\)"),
        ((r[0], h, a), "positions have the shape"),
        ((r, h[0], a), "cells have the shape"),
        ((r, h, a[:1]), "assignment"),
        ((r, h, np.array([0, 1])), "expected bool"),
        ((np.where(r == 2, np.nan, r), h, a), "not finite"),
        ((r, np.full((1, 3, 3), np.inf), a), "not finite"),
    ]
    for arguments, message in cases:
        with pytest.raises(StructureError, match=message):
            potential.evaluate(*arguments)


def test_infinite_forces_are_an_error():
    potential = MoEPotential(FinnisSinclair("complex"), FinnisSinclair("bulk"), ["Pt", "Pt"])
    with pytest.raises(StructureError, match="not finite"), np.errstate(all="ignore"):
        potential.evaluate(np.zeros((1, 2, 3)), 10 * np.eye(3)[None], np.ones(2, bool))


def test_unknown_species_are_named():
    with pytest.raises(StructureError, match="contains Au, but the experts know only Pt C O"):
        MoEPotential(FinnisSinclair("complex"), FinnisSinclair("bulk"), ["Pt", "Au"])
