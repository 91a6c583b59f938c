"""Labels under the names that other codes give them."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, molecule
from ase.calculators.emt import EMT

from moe_ipi.errors import StructureError
from moe_ipi.validation.labels import read_labels

KEYS = {"REF_energy": "energy", "REF_forces": "forces"}


def frames() -> list[Atoms]:
    """With EMT's labels."""
    made = [bulk("Pt", cubic=True), molecule("CO", cell=[9, 9, 9], pbc=True)]
    for atoms in made:
        atoms.rattle(0.1, seed=4)
        atoms.calc = EMT()
    return made


def write(path: Path, energy: str, forces: str, more: str = "") -> Path:
    """As other codes do: ASE itself does not write labels of the usual names without a calculator."""
    lines = []
    for atoms in frames():
        value = float(atoms.get_potential_energy())
        cell = " ".join(map(repr, atoms.cell.array.ravel().tolist()))
        lines += [
            str(len(atoms)),
            f'Lattice="{cell}" Properties=species:S:1:pos:R:3:{forces}:R:3 {energy}={value!r} {more}',
        ]
        for symbol, numbers in zip(
            atoms.symbols, np.hstack([atoms.positions, atoms.get_forces()]).tolist(), strict=True
        ):
            lines.append(" ".join([symbol, *map(repr, numbers)]))
    path.write_text("\n".join([*lines, ""]))
    return path


@pytest.mark.parametrize(
    ("energy", "forces", "mapping"),
    [("energy", "forces", {}), ("energy", "forces", KEYS), ("REF_energy", "REF_forces", KEYS)],
)
def test_names(tmp_path: Path, energy: str, forces: str, mapping: dict[str, str]) -> None:
    for read, expected in zip(read_labels(write(tmp_path / "x.xyz", energy, forces), mapping), frames(), strict=True):
        np.testing.assert_allclose(read.get_potential_energy(), expected.get_potential_energy(), rtol=1e-12)
        np.testing.assert_allclose(read.get_forces(), expected.get_forces(), atol=1e-7)


def test_a_mapping_counts_more_than_the_usual_names(tmp_path: Path) -> None:
    """A file may have both: the numbers of a cheap model, and the labels."""
    path = write(tmp_path / "x.xyz", "REF_energy", "REF_forces", "energy=-1.0")
    assert read_labels(path, KEYS)[0].get_potential_energy() == pytest.approx(frames()[0].get_potential_energy())


def test_what_is_missing_and_what_is_there(tmp_path: Path) -> None:
    path = write(tmp_path / "x.xyz", "dft_energy", "dft_forces", "weight=1.0")
    there = (
        "frame 0 of '.*x.xyz' has no energy and no forces; it has dft_energy, dft_forces, weight: say which is which"
    )
    with pytest.raises(StructureError, match=there):
        read_labels(path, KEYS)
    with pytest.raises(StructureError, match="has no forces; it has dft_energy, dft_forces, weight: "):
        read_labels(path, {"dft_energy": "energy"})


def test_labels_that_are_no_numbers(tmp_path: Path) -> None:
    path = write(tmp_path / "x.xyz", "energy", "forces")
    with pytest.raises(StructureError, match=r"frame 0 of .* not numbers of its 4 atoms"):
        read_labels(path, {"energy": "forces"})
    path.write_text(re.sub(r"energy=\S+", "energy=nan", path.read_text()))
    with pytest.raises(StructureError, match=r"frame 0 of .* are not finite"):
        read_labels(path)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    assert read_labels(None) == []
    with pytest.raises(StructureError, match="cannot read the labels"):
        read_labels(tmp_path / "none.xyz")
    (tmp_path / "no.xyz").write_text("not an xyz")
    with pytest.raises(StructureError, match=r"cannot read the labels '.*no.xyz': "):
        read_labels(tmp_path / "no.xyz")
