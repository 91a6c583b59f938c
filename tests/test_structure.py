"""Templates: what ASE reads, what i-PI reads, and what nobody should."""

from __future__ import annotations

import os
from pathlib import Path

import ase.io
import numpy as np
import pytest
from ase.build import molecule
from ipi.engine.atoms import Atoms as IPIAtoms
from ipi.engine.cell import Cell
from ipi.utils.io import print_file

from moe_ipi.elements import isotopes
from moe_ipi.errors import StructureError
from moe_ipi.structure import periodicity_note, read_template
from moe_ipi.units import BOHR
from tests.helpers.structures import slab

ROWS = "Pt 0 0 0\nC 1 2 3\n"
UNITS = "cell{angstrom} positions{angstrom}"
EXTENDED = 'Lattice="50 0 0 0 6 0 0 0 7" Properties=species:S:1:pos:R:3 pbc="T T T"'
HEXAGONAL = [[5, 0, 0], [3, 6 * 3**0.5 / 2, 0], [0, 0, 7]]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def written(text: str, name: str = "init.xyz") -> str:
    Path(name).write_text(text)
    return name


@pytest.mark.parametrize(
    ("comment", "cell", "length"),
    [
        (f"# CELL(abcABC): 5 6 7 90 90 60 {UNITS}", HEXAGONAL, 1.0),
        (f"# CELL(abcABC):    5.00000     6.00000     7.00000  90 90 60 Step: 12 Bead: 0 {UNITS}", HEXAGONAL, 1.0),
        (f"# CELL{{abcABC}}: 5 6 7 90 90 60 {UNITS}", HEXAGONAL, 1.0),
        (f"# CELL(H): 5 1 0.5 0 6 2 0 0 7 {UNITS}", [[5, 0, 0], [1, 6, 0], [0.5, 2, 7]], 1.0),
        ("# CELL(abcABC): 5 6 7 90 90 60", np.array(HEXAGONAL) * BOHR, BOHR),
        ("# CELL(abcABC): 5 6 7 90 90 60 cell{angstrom} positions{atomic_unit}", HEXAGONAL, BOHR),
        ("# CELL(abcABC): 5 6 7 90 90 60 positions{angstrom}", np.array(HEXAGONAL) * BOHR, 1.0),
    ],
)
def test_ipi_xyz(comment, cell, length):
    atoms = read_template(written(f"2\n{comment}\n{ROWS}"))
    assert atoms.get_chemical_symbols() == ["Pt", "C"]
    np.testing.assert_allclose(atoms.cell.array, cell, atol=1e-9)
    np.testing.assert_allclose(atoms.positions, length * np.array([[0, 0, 0], [1, 2, 3]]), atol=1e-9)
    assert atoms.pbc.all()


def test_ipi_general_cell_is_turned_but_keeps_the_geometry():
    """In i-PI the rows of GENH are the lattice vectors, while the columns of H are."""
    rows = np.array([[5, 1, 0.5], [0.7, 6, 2], [-0.4, 0.3, 7]])
    text = " ".join(str(x) for x in rows.ravel())
    atoms = read_template(written(f"2\n# CELL(GENH): {text} {UNITS}\n{ROWS}"))
    assert np.allclose(np.triu(atoms.cell.array, 1), 0.0)
    np.testing.assert_allclose(atoms.cell.array @ atoms.cell.array.T, rows @ rows.T, atol=1e-9)
    np.testing.assert_allclose(atoms.get_scaled_positions(wrap=False)[1], np.linalg.solve(rows.T, [1, 2, 3]), atol=1e-9)


def test_ipi_xyz_without_a_cell_is_not_periodic():
    atoms = read_template(written(f"2\n# positions{{angstrom}}\n{ROWS}"))
    assert not atoms.pbc.any() and not atoms.cell.array.any()
    np.testing.assert_allclose(atoms.positions[1], [1, 2, 3])


def test_what_ipi_writes_is_read_back(folder):
    pt = slab((2, 2, 3))
    ours, cell = IPIAtoms(len(pt)), Cell(pt.cell.array.T / BOHR)
    ours.q[:] = pt.positions.ravel() / BOHR
    ours.names[:] = pt.get_chemical_symbols()
    with open("out.xyz", "w") as file:
        print_file(
            "xyz", ours, cell, file, key="positions", dimension="length", units="angstrom", cell_units="angstrom"
        )
    atoms = read_template("out.xyz")
    np.testing.assert_allclose(atoms.positions, pt.positions, atol=1e-4)
    np.testing.assert_allclose(atoms.cell.array, pt.cell.array, atol=1e-4)
    assert atoms.get_chemical_symbols() == pt.get_chemical_symbols()


@pytest.mark.parametrize(("kind", "units"), [("ase", "automatic"), ("pdb", "automatic"), ("pdb", "atomic_unit")])
def test_other_formats_that_ipi_writes(kind, units):
    """Extended xyz with its Lattice, and PDB with the units of its TITLE."""
    pt = slab((2, 2, 3))
    ours, cell = IPIAtoms(len(pt)), Cell(pt.cell.array.T / BOHR)
    ours.q[:] = pt.positions.ravel() / BOHR
    ours.names[:] = pt.get_chemical_symbols()
    with open("out.any", "w") as file:
        print_file(kind, ours, cell, file, key="positions", dimension="length", units=units, cell_units=units)
    Path("out.any").rename(name := f"out.{'xyz' if kind == 'ase' else kind}")
    atoms = read_template(name)
    np.testing.assert_allclose(atoms.positions, pt.positions, atol=2e-3)
    np.testing.assert_allclose(atoms.cell.array, pt.cell.array, atol=2e-3)
    assert atoms.get_chemical_symbols() == pt.get_chemical_symbols() and atoms.pbc.all()


def test_forces_that_ipi_writes_are_no_template():
    ours, cell = IPIAtoms(1), Cell(np.eye(3))
    ours.names[:] = ["Pt"]
    with open("out.xyz", "w") as file:
        print_file("ase", ours, cell, file, key="forces", dimension="force")
    with pytest.raises(StructureError, match=r"it holds forces\{ase\} and no positions"):
        read_template("out.xyz")


def test_the_first_frame_counts():
    one, two = (f"2\n# CELL(abcABC): {a} 6 7 90 90 60 {UNITS}\n{ROWS}" for a in (5, 9))
    assert read_template(written(one + two)).cell.lengths()[0] == pytest.approx(5.0)
    ase.io.write("frames.traj", [molecule("CO"), molecule("H2O")])
    assert len(read_template("frames.traj")) == 2


@pytest.mark.parametrize("comment", [f"# CELL(abcABC): 5 6 7 90 90 60 {UNITS}", "a molecule", EXTENDED])
def test_isotopes_are_their_elements(comment, capfd):
    labels = list(isotopes())
    rows = "".join(f"{label} {k} 0 0\n" for k, label in enumerate(labels))
    atoms = read_template(written(f"{len(labels) + 1}\n{comment}\n{rows}Pt 0 1 0\n"))
    assert atoms.get_chemical_symbols() == [*isotopes().values(), "Pt"]
    assert capfd.readouterr().out == ""


def test_ase_knows_no_isotopes_afterwards():
    read_template(written("1\n\nC13 0 0 0\n"))
    with pytest.raises(KeyError):
        ase.io.read("init.xyz")


@pytest.mark.parametrize("name", ["s.extxyz", "s.xyz", "s.vasp", "s.cif", "s.traj", "a@b.xyz"])
def test_files_that_ase_reads(name):
    pt = slab((2, 2, 3))
    ase.io.write(name, pt, format="vasp" if name.endswith("vasp") else None)
    atoms = read_template(Path(name))
    assert atoms.get_chemical_symbols() == ["Pt"] * 12
    np.testing.assert_allclose(atoms.cell.cellpar(), pt.cell.cellpar(), atol=1e-4)
    assert atoms.pbc.all()


def test_plain_xyz_is_a_molecule():
    atoms = read_template(written(f"2\nsome words\n{ROWS}"))
    assert not atoms.pbc.any()
    np.testing.assert_allclose(atoms.positions[1], [1, 2, 3])


IPI = f"# CELL(abcABC): 5 6 7 90 90 60 {UNITS}"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "ASE cannot read it"),
        ("no structure at all\n", "ASE cannot read it"),
        ("0\n\n", "no atoms"),
        (f"0\n{IPI}\n", "no atoms"),
        (f"3\n{IPI}\n{ROWS}", "ends after 2 of the 3 atoms"),
        (f"2\n{IPI}\nPt 0 0\nC 1 2 3\n", "not readable as an i-PI xyz file"),
        (f"2\n{IPI}\nPt 0 0 zero\nC 1 2 3\n", "not readable as an i-PI xyz file"),
        (f"2\n{IPI.replace('positions{angstrom}', 'positions{parsec}')}\n{ROWS}", "parsec is an undefined unit"),
        (f"2\n{IPI.replace('positions', 'velocities')}\n{ROWS}", "not readable as an i-PI xyz file"),
        (f"2\n# CELL(abcABC): 5 6 {UNITS}\n{ROWS}", "not readable as an i-PI xyz file"),
        (f"2\n# CELL(abcABC): 5 6 0 90 90 60 {UNITS}\n{ROWS}", "lattice vector c is zero"),
        (f"2\n{IPI}\nPt 0 0 0\nC 1 2 nan\n", "atom 1 is not finite"),
        (f"2\n{IPI}\nPt 0 0 0\nX 1 2 3\n", "atom 1 .* is not an element"),
        (f"2\n{IPI}\nPt 0 0 0\nCarb 1 2 3\n", "label 'Carb' of atom 1 .* is not an element"),
        ("2\n\nPt 0 0 0\nX 1 2 3\n", "atom 1 .* is not an element"),
        ("2\n\nPt 0 0 0\nQq 1 2 3\n", "ASE cannot read it: KeyError: 'Qq'"),
        (
            f'2\nLattice="5 0 0 0 5 0 0 0 0" pbc="T T T" Properties=species:S:1:pos:R:3\n{ROWS}',
            "lattice vector c is zero",
        ),
    ],
)
def test_bad_files(text, message, capfd):
    with pytest.raises(StructureError, match=message) as caught:
        read_template(written(text))
    assert str(caught.value).startswith("cannot use the template 'init.xyz': ")
    assert "\n" not in str(caught.value)
    assert capfd.readouterr().out == ""


def test_bytes_that_are_no_text(folder):
    (folder / "init.xyz").write_bytes(os.urandom(500) + b"\xff\xfe")
    with pytest.raises(StructureError, match="ASE cannot read it"):
        read_template("init.xyz")


def test_missing_file_and_folder(folder):
    with pytest.raises(StructureError, match=r"^the template 'nowhere\.xyz' does not exist; give the path"):
        read_template("nowhere.xyz")
    with pytest.raises(StructureError, match="is not a file"):
        read_template(folder)


LAMMPS = """LAMMPS data file via write_data{units}

3 atoms
2 atom types

0 5 xlo xhi
0 6 ylo yhi
0 7 zlo zhi

{masses}
Atoms{style}

2 2 1.0 2.0 3.0
1 1 0.0 0.0 0.0
3 1 0.0 0.0 2.5
"""
MASSES = "Masses\n\n1 195.08\n2 12.011\n"


def lammps(*, units: str = "", masses: str = MASSES, style: str = " # atomic") -> str:
    return written(LAMMPS.format(units=units, masses=masses, style=style), "structure.data")


@pytest.mark.parametrize(
    "masses",
    [
        MASSES,
        "Masses\n\n1 195 # Pt\n2 13.5 # C13\n",
        "Masses\n\n1 195.08 # I am platinum\n2 12 # carbon\n",
        "Atom Type Labels\n\n1 Pt\n2 C13\n",
        "Atom Type Labels\n\n1 Pt\n2 C\n\n" + MASSES,
    ],
)
def test_lammps_data(masses):
    atoms = read_template(lammps(masses=masses))
    assert atoms.get_chemical_symbols() == ["Pt", "C", "Pt"]
    np.testing.assert_allclose(atoms.cell.array, np.diag([5, 6, 7]))
    np.testing.assert_allclose(atoms.positions, [[0, 0, 0], [1, 2, 3], [0, 0, 2.5]])
    assert atoms.pbc.all()


def test_lammps_data_in_bohr():
    atoms = read_template(lammps(units=", units = electron"))
    np.testing.assert_allclose(atoms.cell.lengths(), np.array([5, 6, 7]) * BOHR, rtol=1e-6)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"style": ""}, "must say its atom style: write 'Atoms # atomic'"),
        ({"style": " # full"}, 'ASE cannot read it: RuntimeError: Style "full" not supported or invalid'),
        ({"masses": ""}, "give it a section Masses"),
        ({"masses": "Masses\n\n1 195.08\n2 60.0\n"}, "type 2 .* no element .*, such as '2 60.0 # Pt'"),
        ({"units": ", units = lj"}, "ASE cannot read it"),
    ],
)
def test_lammps_data_that_says_too_little(options, message):
    with pytest.raises(StructureError, match=message) as caught:
        read_template(lammps(**options))
    assert "\n" not in str(caught.value)


def test_which_pbc_flags_count():
    pt = slab((2, 2, 3))
    assert periodicity_note(pt) is None
    assert periodicity_note(molecule("CO")) is None
    pt.pbc = (True, False, False)
    assert "not periodic along b, c" in periodicity_note(pt)
