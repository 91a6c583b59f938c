"""Types, pairs and vectors to energies and gradients, without LAMMPS."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest

from moe_ipi.errors import StructureError
from moe_ipi.experts.finnis_sinclair import FinnisSinclair
from moe_ipi.lammps.domain import Domain
from moe_ipi.potential import MoEPotential
from moe_ipi.typing import Hamiltonian
from tests.helpers.structures import co_on_pt, random_mask

ATOMS = co_on_pt((3, 3, 2))
N = len(ATOMS)
MASK = random_mask(N, 1)


def domain() -> Domain:
    made = Domain(FinnisSinclair("complex"), FinnisSinclair("bulk"))
    made.take_elements(("Pt", "C", "O"))
    return made


def types(mask: np.ndarray) -> np.ndarray:
    return np.array([("Pt", "C", "O").index(s) + 1 for s in ATOMS.symbols], np.int32) + 3 * mask.astype(np.int32)


def pairs() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """All pairs up to more than the cutoffs; the cell is so small that there are images."""
    shifts = np.array([[i, j, k] for i in (-1, 0, 1) for j in (-1, 0, 1) for k in (-1, 0, 1)]) @ ATOMS.cell.array
    centers, neighbors, vectors = [], [], []
    for i in range(N):
        for shift in shifts:
            d = ATOMS.positions + shift - ATOMS.positions[i]
            r = np.linalg.norm(d, axis=1)
            near = np.flatnonzero((r > 1e-8) & (r < 6.0))
            centers += [i] * len(near)
            neighbors += near.tolist()
            vectors += d[near].tolist()
    return np.array(centers, np.int32), np.array(neighbors, np.int32), np.array(vectors)


@pytest.mark.parametrize("hamiltonian", get_args(Hamiltonian))
def test_equals_the_potential(hamiltonian: Hamiltonian) -> None:
    rank = domain()
    rank.hamiltonian = hamiltonian
    centers, neighbors, vectors = pairs()
    energies, gradients = rank.evaluate(types(MASK), centers, neighbors, vectors, N)
    forces = np.zeros((N, 3))
    np.add.at(forces, centers, gradients)
    np.subtract.at(forces, neighbors, gradients)
    potential = MoEPotential(rank.complex, rank.bulk, ATOMS.get_chemical_symbols())
    direct = potential.evaluate(ATOMS.positions[None], ATOMS.cell.array[None], MASK, hamiltonian=hamiltonian)
    np.testing.assert_allclose(energies, direct.atom_energies[0], rtol=0, atol=1e-12)
    np.testing.assert_allclose(forces, direct.forces[0], rtol=0, atol=1e-12)
    virial = -np.einsum("pa,pb->ab", vectors, gradients)
    np.testing.assert_allclose(virial, direct.virials[0], rtol=0, atol=1e-11)


def test_of_a_neighbour_only_the_element_matters() -> None:
    rank = domain()
    centers, neighbors, vectors = pairs()
    own = centers < 5
    arguments = centers[own], neighbors[own], vectors[own], 5
    mine, other = types(MASK), types(~MASK)
    other[:5] = mine[:5]
    for a, b in zip(rank.evaluate(mine, *arguments), rank.evaluate(other, *arguments), strict=True):
        assert (a == b).all()


def test_nobody_there() -> None:
    nothing = np.zeros(0, np.int32)
    energies, gradients = domain().evaluate(nothing, nothing, nothing, np.zeros((0, 3)), 0)
    assert energies.shape == (0,)
    assert gradients.shape == (0, 3)
    alone, gradients = domain().evaluate(np.array([2, 4], np.int32), nothing, nothing, np.zeros((0, 3)), 2)
    assert alone.tolist() == [-2.0, -1.0]
    assert gradients.shape == (0, 3)


def test_numbers_that_are_not_finite_are_refused() -> None:
    one, two = np.array([0], np.int32), np.array([1], np.int32)
    with pytest.raises(StructureError, match="not finite"):
        domain().evaluate(np.array([1, 1], np.int32), one, two, np.full((1, 3), 1e-200), 1)


@pytest.mark.parametrize(("symbols", "message"), [(("Pt", "Xe"), "know only Pt C O"), (("Pt", "Pt"), "one type")])
def test_types_that_cannot_be(symbols: tuple[str, ...], message: str) -> None:
    with pytest.raises(StructureError, match=message):
        domain().take_elements(symbols)


def test_experts_of_different_species() -> None:
    """Each need only know its own atoms and their neighbours."""
    other = FinnisSinclair("bulk")
    other.species = ("Pt", "C")
    both = Domain(FinnisSinclair("complex"), other)
    both.take_elements(("Pt", "C", "O"))
    nothing, one, two = np.zeros(0, np.int32), np.array([0], np.int32), np.array([1], np.int32)
    # Types: 1 to 3 bulk, 4 to 6 complex.
    assert both.evaluate(np.array([1, 6], np.int32), nothing, nothing, np.zeros((0, 3)), 2)[0].tolist() == [-1.0, -3.0]
    with pytest.raises(StructureError, match=r"does not know O, but such an atom is within 4\.2 A"):
        both.evaluate(np.array([1, 6], np.int32), one, two, np.array([[2.0, 0.0, 0.0]]), 2)
    with pytest.raises(StructureError, match="does not know O, but has to evaluate such an atom"):
        both.evaluate(np.array([1, 3], np.int32), nothing, nothing, np.zeros((0, 3)), 2)
