"""Crystals of one element and of files."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, make_supercell
from ase.calculators.emt import EMT
from ase.io import write

from moe_ipi.config import ValidationConfig
from moe_ipi.errors import StructureError
from moe_ipi.properties.crystal import crystal_of, primitive, repeated
from moe_ipi.properties.elastic import elastic_constants
from moe_ipi.properties.equation_of_state import equation_of_state
from moe_ipi.properties.phonons import POINTS, frequencies_at, phonon_model


def of_file(tmp_path, atoms):
    write(tmp_path / "crystal.xyz", atoms, format="extxyz")
    return crystal_of(ValidationConfig(crystal=tmp_path / "crystal.xyz"))


def turned(atoms: Atoms) -> Atoms:
    """In another orientation, with atoms a little off their places."""
    atoms = atoms.copy()
    atoms.rotate(37, (1, 2, 3), rotate_cell=True)
    atoms.rattle(1e-4, seed=2)
    return atoms


@pytest.mark.parametrize(
    ("atoms", "size", "centring", "small"),
    [
        (bulk("NiAl", "cesiumchloride", a=2.88), 2, "P", 2),
        (bulk("PdH", "rocksalt", a=4.1), 8, "F", 2),
        (bulk("W", "bcc", a=3.17), 2, "I", 1),
        (make_supercell(bulk("PdH", "rocksalt", a=4.1), 2 * np.eye(3)), 8, "F", 2),
        (bulk("Ru", "hcp", a=2.7, c=4.28), 2, None, 2),
    ],
)
def test_the_cell_of_a_file(tmp_path, atoms, size, centring, small):
    """Whatever cell a file has, in whatever orientation: the conventional one along the axes."""
    crystal = of_file(tmp_path, turned(atoms))
    assert (len(crystal.unit), crystal.centring, crystal.lattice) == (size, centring, None)
    assert sorted(crystal.elements) == sorted(set(atoms.get_chemical_symbols()))
    assert crystal.unit.cell.volume / size == pytest.approx(atoms.cell.volume / len(atoms), rel=1e-3)
    if centring:
        assert crystal.unit.cell.array == pytest.approx(crystal.unit.cell[0, 0] * np.eye(3), abs=1e-9)
    assert len(primitive(crystal.unit)) == small
    assert str(tmp_path / "crystal.xyz") in crystal.name


def test_one_element_by_name_and_from_a_file(tmp_path):
    named = crystal_of(ValidationConfig(element="Pt", lattice_parameter=3.977))
    read = of_file(tmp_path, bulk("Pt", a=3.977))
    assert (named.centring, named.lattice, named.name) == ("F", "fcc", "fcc Pt, lattice parameter near 3.977 Å")
    assert read.centring == "F" and np.allclose(read.unit.cell.array, named.unit.cell.array)
    assert len(repeated(named.unit, 10.5)) == 4 * 27 and len(repeated(named.unit, 4.0)) == 4 * 8


@pytest.mark.parametrize(
    ("atoms", "message"),
    [
        (Atoms("Pt", cell=[4, 4, 4], pbc=(True, True, False)), "is not periodic in three dimensions"),
        (Atoms("Pt2", cell=[4, 4, 4], pbc=True), "has atoms in one place"),
    ],
)
def test_what_is_no_crystal(tmp_path, atoms, message):
    with pytest.raises(StructureError, match=message):
        of_file(tmp_path, atoms)


def test_a_compound_of_a_known_potential(tmp_path):
    """EMT's Cu3Au is stable, and its elastic constants are those of its equation of state: (C11 + 2 C12) / 3 = B."""
    atoms = bulk("Cu", a=3.7, cubic=True)
    atoms.symbols[0] = "Au"
    crystal = of_file(tmp_path, atoms)
    assert crystal.centring == "P" and crystal.unit.get_chemical_formula() == "AuCu3"
    fit = equation_of_state(crystal.unit, EMT())
    assert np.allclose(fit.crystal.cell.lengths(), fit.lattice_parameter)
    c11, c12, c44 = elastic_constants(fit.crystal, EMT())
    assert (c11 + 2 * c12) / 3 == pytest.approx(fit.bulk_modulus, rel=0.01) and c11 > c12 and c44 > 0
    model = phonon_model(fit.crystal, "P", EMT(), 4.0)
    frequencies = {label: frequencies_at(model, q) for label, q in POINTS["P"].items()}
    assert all(len(values) == 12 and values.min() > -0.05 for values in frequencies.values())
    assert np.abs(np.sort(frequencies["Γ"])[:3]).max() < 0.05 < 1.0 < frequencies["R"].min()


def test_atoms_that_symmetry_does_not_hold_relax(tmp_path):
    """The height of two of the four atoms of a cell is theirs to choose: equal forces say that it was chosen."""
    atoms = bulk("Pt", a=3.95, cubic=True)
    atoms.positions[2:, 2] += 0.15
    crystal = of_file(tmp_path, atoms)
    fit = equation_of_state(crystal.unit, EMT())
    relaxed = fit.crystal.copy()
    relaxed.calc = EMT()
    assert np.abs(relaxed.get_forces()).max() < 1e-3
