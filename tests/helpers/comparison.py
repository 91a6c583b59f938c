"""Experts against NequIP's own ASE calculator."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from ase import Atoms
from nequip.integrations.ase import NequIPCalculator
from nequip.integrations.utils import basic_transforms

from moe_ipi.experts.expert import Expert
from moe_ipi.potential import Evaluation, MoEPotential
from tests.helpers.structures import co_on_pt
from tests.helpers.tiny_models import TYPE_NAMES


def calculator(module, species: Sequence[str] = TYPE_NAMES) -> NequIPCalculator:
    """NequIP's own ASE calculator around a model in memory."""
    metadata = module.metadata
    cutoff = float(metadata["r_max"])
    transforms = basic_transforms(metadata, cutoff, list(species), {s: s for s in species})
    return NequIPCalculator(module.eval(), "cpu", transforms=transforms)


def everywhere(expert: Expert, atoms: Atoms) -> Evaluation:
    """One expert on every atom."""
    potential = MoEPotential(expert, expert, atoms.get_chemical_symbols())
    return potential.evaluate(atoms.positions[None], atoms.cell.array[None], np.ones(len(atoms), bool))


def assert_equals_calculator(expert: Expert, calc: NequIPCalculator, rtol: float) -> None:
    """Energies of atoms, forces and stress of a slab."""
    atoms = co_on_pt()
    out = everywhere(expert, atoms)
    atoms.calc = calc
    scale = np.abs(atoms.get_forces()).max()
    assert np.allclose(out.atom_energies[0], atoms.get_potential_energies(), rtol=rtol, atol=0)
    assert np.allclose(out.forces[0], atoms.get_forces(), rtol=0, atol=rtol * max(scale, 1.0))
    stress = atoms.get_stress(voigt=False)
    assert np.allclose(-out.virials[0] / atoms.get_volume(), stress, rtol=0, atol=rtol * max(np.abs(stress).max(), 1.0))
