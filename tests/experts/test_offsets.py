"""Experts whose energies count from different references."""

import numpy as np
import pytest

from moe_ipi import MoEPotential
from moe_ipi.errors import ModelError
from moe_ipi.experts.finnis_sinclair import FinnisSinclair
from moe_ipi.experts.offsets import OffsetExpert
from tests.helpers.structures import co_on_pt, random_mask


def test_an_offset_changes_the_energy_of_its_atoms_and_no_force():
    atoms = co_on_pt()
    species = np.array(atoms.get_chemical_symbols())
    complex, bulk = FinnisSinclair("complex"), FinnisSinclair("bulk")
    frame, mask = (atoms.positions[None], atoms.cell.array[None]), random_mask(len(atoms), 1)
    plain = MoEPotential(complex, bulk, species).evaluate(*frame, mask)
    moved = MoEPotential(complex, OffsetExpert(bulk, {"Pt": 0.25}, "bulk"), species).evaluate(*frame, mask)
    expected = plain.atom_energies[0] + 0.25 * (~mask & (species == "Pt"))
    np.testing.assert_allclose(moved.atom_energies[0], expected, rtol=0, atol=1e-14)
    assert np.array_equal(plain.forces, moved.forces) and np.array_equal(plain.virials, moved.virials)
    assert moved.energies[0] != plain.energies[0]


def test_an_offset_of_an_element_that_the_expert_does_not_know():
    with pytest.raises(ModelError, match=r"experts\.bulk\.offsets has Au, which the bulk expert does not know"):
        OffsetExpert(FinnisSinclair("bulk"), {"Au": 1.0}, "bulk")
