"""The model for torch-sim: every system of a batch has the energy, forces and stress that it has alone."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import torch_sim as ts
from ase import Atoms
from ase.build import bulk
from ase.stress import voigt_6_to_full_3x3_stress

from moe_ipi import MoECalculator, MoEPotential, load_config
from moe_ipi.errors import StructureError
from moe_ipi.regions.partitioner import Partitioner
from moe_ipi.torchsim import MoEModel
from tests.helpers.configs import ANALYTIC, AROUND_CO
from tests.helpers.structures import co_on_pt, displaced, random_mask

CPU = torch.device("cpu")


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "moe.toml"
    path.write_text(ANALYTIC + AROUND_CO)
    return path


def systems() -> list[Atoms]:
    """Of three sizes, one with a triclinic cell that turns when it is transposed, two of the same atoms."""
    crystal = displaced(bulk("Pt", a=3.95).repeat((2, 1, 1)), 5)
    return [co_on_pt((2, 2, 3)), crystal, co_on_pt((3, 2, 2), seed=4), displaced(co_on_pt((2, 2, 3)), 7)]


def state_of(atoms: list[Atoms], dtype: torch.dtype = torch.float64) -> ts.SimState:
    return ts.io.atoms_to_state(atoms, CPU, dtype)


def check(results: dict[str, torch.Tensor], atoms: list[Atoms], config: Path, masks: list[np.ndarray]) -> None:
    forces, energies = (
        np.split(results[key], np.cumsum([len(a) for a in atoms])[:-1]) for key in ("forces", "energies")
    )
    for k, (each, mask) in enumerate(zip(atoms, masks, strict=True)):
        potential = MoEPotential.from_config(load_config(config), each.get_chemical_symbols())
        alone = potential.evaluate(each.positions[None], each.cell.array[None], mask)
        np.testing.assert_allclose(results["energy"][k], alone.energies[0], rtol=1e-12)
        np.testing.assert_allclose(energies[k], alone.atom_energies[0], rtol=1e-11)
        np.testing.assert_allclose(forces[k], alone.forces[0], rtol=0, atol=1e-11)
        stress = -alone.virials[0] / each.get_volume()
        np.testing.assert_allclose(results["stress"][k], stress, rtol=0, atol=1e-13)


def by_rules(atoms: list[Atoms], config: Path) -> list[np.ndarray]:
    regions = load_config(config).regions
    return [Partitioner(regions, a.get_chemical_symbols()).assign(a.positions, a.cell.array) for a in atoms]


def test_every_system_as_if_alone_and_frozen(config: Path) -> None:
    model, atoms = MoEModel(config), systems()
    masks = by_rules(atoms, config)
    assert 2 < masks[0].sum() < len(masks[0]) and not masks[1].any()
    check(model(state_of(atoms)), atoms, config, masks)
    np.testing.assert_array_equal(model.assignment, np.concatenate(masks))
    # CO has gone, and the assignment stays.
    moved = [a.copy() for a in atoms]
    for k in (0, 2, 3):
        moved[k].positions[-2:, 2] += 3.0
    assert not np.array_equal(np.concatenate(by_rules(moved, config)), model.assignment)
    check(model(state_of(moved)), moved, config, masks)
    # Until it is made anew.
    model.update(state_of(moved))
    check(model(state_of(moved)), moved, config, by_rules(moved, config))
    imposed = [random_mask(len(a), k) for k, a in enumerate(moved)]
    model.set_assignment(state_of(moved), np.concatenate(imposed))
    check(model(state_of(moved)), moved, config, imposed)


def test_rules_for_every_state(config: Path) -> None:
    model, atoms = MoEModel(config, frozen=False), systems()
    for batch in (atoms, atoms[:2], atoms[::-1]):
        check(model(state_of(batch)), batch, config, by_rules(batch, config))


def test_other_atoms_are_refused_by_a_frozen_model(config: Path) -> None:
    model, atoms = MoEModel(config), systems()
    model(state_of(atoms))
    for other in (atoms[:2], atoms[::-1]):
        with pytest.raises(StructureError, match=r"other atoms than the one .* call update\(state\)"):
            model(state_of(other))


def test_a_dictionary_and_single_precision(config: Path) -> None:
    atoms = systems()
    state = state_of(atoms, torch.float32)
    assert state.positions.dtype == torch.float32
    keys = ("positions", "cell", "pbc", "atomic_numbers", "system_idx")
    model = MoEModel(config, dtype=torch.float32, compute_stress=False)
    results = model({key: getattr(state, key) for key in keys})
    assert {key: value.dtype for key, value in results.items()} == dict.fromkeys(
        ("energy", "forces", "energies"), torch.float32
    )
    reference = MoEModel(config)(state_of(atoms))
    np.testing.assert_allclose(results["forces"], reference["forces"], rtol=1e-4, atol=1e-4)


def test_agreement_asks_the_experts(tmp_path: Path) -> None:
    path = tmp_path / "moe.toml"
    path.write_text(ANALYTIC + '[regions]\nradius = 0.0\nrules = [{ type = "agreement", tolerance = 0.048 }]\n')
    model, atoms = MoEModel(path), systems()
    model(state_of(atoms))
    potentials = [MoEPotential.from_config(load_config(path), a.get_chemical_symbols()) for a in atoms]
    found = [p.disagreement(a.positions[None], a.cell.array[None])[0] for p, a in zip(potentials, atoms, strict=True)]
    expected = np.concatenate(found) > 0.048
    assert 0 < expected.sum() < len(expected)
    np.testing.assert_array_equal(model.assignment, expected)


def test_what_cannot_be_evaluated(config: Path) -> None:
    model = MoEModel(config)
    with pytest.raises(StructureError, match="the systems contain Cu, but the experts know only"):
        model(state_of([bulk("Cu")]))
    loose = co_on_pt()
    loose.pbc = False
    with pytest.raises(StructureError, match="no stress without periodicity"):
        model(state_of([loose]))
    results = MoEModel(config, compute_stress=False)(state_of([loose]))
    calculator = MoECalculator.from_config(config)
    np.testing.assert_allclose(results["energy"][0], calculator.get_potential_energy(loose), rtol=1e-12)
    broken = co_on_pt()
    broken.positions[3, 1] = np.nan
    with pytest.raises(StructureError, match="position of atom 3 is not finite"):
        model(state_of([broken]))


def test_torch_sim_integrates(config: Path) -> None:
    """NVE of the batch: the energy of each system is conserved, and systems do not feel each other."""
    model, atoms = MoEModel(config, compute_stress=False), systems()[:3]
    energies = []

    def nve(*arguments: object, **more: object) -> object:
        init, update = ts.nve(*arguments, **more)

        def step(state: ts.SimState, **options: object) -> ts.SimState:
            state = update(state, **options)
            kinetic = ts.calc_kinetic_energy(masses=state.masses, momenta=state.momenta, system_idx=state.system_idx)
            energies.append(np.stack([state.energy.numpy(), (state.energy + kinetic).numpy()]))
            return state

        return init, step

    ts.integrate(atoms, model, integrator=nve, n_steps=50, temperature=300.0, timestep=0.0005)
    potential, total = np.array(energies).transpose(1, 0, 2)
    assert (np.ptp(total, axis=0) < 0.03 * np.ptp(potential, axis=0)).all()
    assert (np.ptp(potential, axis=0) > 0.01).all()


def test_without_torch_sim_a_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch_sim.models.interface", None)
    monkeypatch.delitem(sys.modules, "moe_ipi.torchsim")
    with pytest.raises(ImportError, match=r"torch-sim is not installed: pip install 'moe-ipi\[torchsim\]'"):
        importlib.import_module("moe_ipi.torchsim")


def full_stress(calculator: MoECalculator, atoms: Atoms) -> np.ndarray:
    return voigt_6_to_full_3x3_stress(calculator.get_stress(atoms))


@pytest.mark.slow
def test_the_shipped_pair() -> None:
    atoms = systems()[:3]
    results = MoEModel("pt-co")(state_of(atoms))
    for k, each in enumerate(atoms):
        calculator = MoECalculator.from_config("pt-co")
        assert float(results["energy"][k]) == pytest.approx(calculator.get_potential_energy(each), abs=1e-3)
        np.testing.assert_allclose(results["stress"][k], full_stress(calculator, each), rtol=0, atol=1e-5)
