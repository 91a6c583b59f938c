"""Both experts as an object for LAMMPS's ``pair_style mliap unified``, in builds that people have made themselves.

What LAMMPS expects of such an object and of the data that it hands over is in its documentation of ``pair_style mliap``
and in its source, ``src/ML-IAP/mliap_unified_couple.pyx``; nothing of LAMMPS is imported here.
"""

from __future__ import annotations

import os
import pickle
import sys
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from moe_ipi.config import load_config
from moe_ipi.errors import ConfigError, StructureError
from moe_ipi.experts.loading import load_pair
from moe_ipi.lammps.domain import Domain
from moe_ipi.lammps.ranks import line_of
from moe_ipi.models import find_config

#: What marks an element of the complex expert.
COMPLEX = "_complex"


class MLIAP:
    """An object for ``pair_style mliap unified``: the experts are loaded by every rank when they are first needed.

    With n species there are 2n elements: the symbols (bulk expert), and the symbols with ``_complex`` behind them.  The
    script's ``pair_coeff`` says which types of LAMMPS these are.

    Args:
        config: path of a ``moe.toml``, or the name of a shipped pair; the models must be where it says on all machines.
        device, compile: override the config's ``[compute]`` keys; without a device, where LAMMPS has its atoms.

    Raises:
        ConfigError: the config cannot be used.
        ModelError: a model file cannot be used.
    """

    def __init__(self, config: str | Path, *, device: str | None = None, compile: bool | None = None) -> None:
        self._config = Path(find_config(config)).resolve()
        self._device = device
        self._compile = compile
        self._domain: Domain | None = None
        loaded = load_config(self._config)
        compiled = any(str(getattr(each, "path", "")).endswith(".pt2") for _, each in loaded.experts)
        # For cutoff and species there is no need to compile, nor for the GPU of the nodes that will use it.
        domain = Domain(*load_pair(loaded, device=None if compiled else "cpu", compile=False))
        species = domain.complex.species
        self._species = species
        #: What LAMMPS reads: half the cutoff, and names of elements.  Of the rest it only wants that there are some.
        self.rcutfac = 0.5 * domain.cutoff
        self.element_types = [*species, *(f"{symbol}{COMPLEX}" for symbol in species)]
        self.ndescriptors = 1
        self.nparams = 1
        self.interface: Any = None

    def __getstate__(self) -> dict[str, Any]:
        """Without what belongs to this process."""
        return self.__dict__ | {"interface": None, "_domain": None}

    def save(self, path: Path) -> None:
        """Write it as a file for LAMMPS.

        Raises:
            ConfigError: the file cannot be written, or LAMMPS would read it in another way.
        """
        if path.suffix in (".pt", ".pth"):
            raise ConfigError(f"LAMMPS reads {path} with torch.load, which refuses such objects: name it *.pkl")
        try:
            path.write_bytes(pickle.dumps(self))
        except OSError as error:
            raise ConfigError(f"cannot write '{path}': {error.strerror or error}") from error

    def compute_descriptors(self, data: Any) -> None:
        """LAMMPS calls it; there is nothing to do."""

    def compute_gradients(self, data: Any) -> None:
        """LAMMPS calls it; there is nothing to do."""

    def compute_forces(self, data: Any) -> None:
        """Energies of the listed atoms, and forces and virial by pairs, for LAMMPS's data of one rank.

        What fails ends the process with one line: LAMMPS would wait for the other ranks.
        """
        try:
            self._compute_forces(data)
        except Exception as error:
            _end(error)

    def _compute_forces(self, data: Any) -> None:
        atoms, elements = _host(data.iatoms)[: data.nlistatoms], _host(data.elems)
        if elements.min(initial=0) < 0:
            raise StructureError("a type is NULL in pair_coeff: pair_style mliap needs an element for each")
        domain = self._loaded(data)
        n_pairs, n_listed = int(data.npairs), len(atoms)
        vectors = _host(data.rij).reshape(-1, 3)[:n_pairs] if n_pairs else np.zeros((0, 3))
        # Listed atoms first, and once more among the others: whatever is not listed gets no energy.
        place = np.full(len(elements), -1, np.int32)
        place[atoms] = np.arange(n_listed, dtype=np.int32)
        centers = place[_host(data.pair_i)[:n_pairs]] if n_pairs else np.zeros(0, np.int32)
        neighbors = n_listed + _host(data.pair_j)[:n_pairs] if n_pairs else np.zeros(0, np.int32)
        types = np.concatenate([elements[atoms], elements]).astype(np.int32) + 1
        # Pairs of ghosts (with ghostneigh) count for nothing; the others are in the order of the list.
        own = np.flatnonzero(centers >= 0)
        gradients = np.zeros((n_pairs, 3))
        energies, gradients[own] = domain.evaluate(
            types, centers[own], neighbors[own].astype(np.int32), np.asarray(vectors[own], np.float64), n_listed
        )
        if n_pairs:
            data.update_pair_forces(_like(gradients, data.rij))
        if n_listed:
            _write_energies(data, energies)
        data.energy = float(energies.sum())

    def _loaded(self, data: Any) -> Domain:
        if self._domain is None:
            there = getattr(data.rij, "device", None)
            on_gpu = None if there is None or isinstance(data.rij, np.ndarray) else f"cuda:{int(there.id)}"
            pair = load_pair(load_config(self._config), device=self._device or on_gpu, compile=self._compile)
            domain = Domain(*pair)
            domain.take_elements(self._species)
            if 2.0 * self.rcutfac < domain.cutoff - 1e-9 or set(domain.complex.species) != set(self._species):
                raise ConfigError(f"{self._config} has other experts now: write the object anew (moe-ipi lammps mliap)")
            self._domain = domain
        return self._domain


def _host(array: Any) -> np.ndarray:
    """LAMMPS's memory, or a copy of what is on a GPU (cupy)."""
    return array if isinstance(array, np.ndarray) else np.asarray(array.get())


def _like(array: np.ndarray, other: Any) -> Any:
    """The array where the other one is, and as precise (LAMMPS can be built in single precision)."""
    array = np.ascontiguousarray(array, other.dtype)
    if isinstance(other, np.ndarray):
        return array
    import cupy

    with other.device:
        return cupy.asarray(array)


def _write_energies(data: Any, energies: np.ndarray) -> None:
    """``eatoms`` can only be set in builds without Kokkos, and only be read, then filled, in builds with it."""
    try:
        data.eatoms = np.ascontiguousarray(energies)
    except AttributeError:
        data.eatoms[:] = _like(energies, data.eatoms)


def _end(error: Exception) -> NoReturn:
    print(f"moe-ipi: error: {line_of(error)}", file=sys.stderr, flush=True)
    if "mpi4py.MPI" in sys.modules:
        sys.modules["mpi4py.MPI"].COMM_WORLD.Abort(1)
    # mpiexec ends the others.
    os._exit(1)


def run_mliap(config: str, output: Path, *, device: str | None = None, compile: bool | None = None) -> list[str]:
    """Write the object for a config.

    Args:
        config: path of the ``moe.toml``, or the name of a shipped pair.
        output: the file.
        device, compile: see :class:`MLIAP`.

    Returns:
        Lines for the user: what a script needs for it.

    Raises:
        MoEError: the config or a model cannot be used, or the file cannot be written.
    """
    made = MLIAP(config, device=device, compile=compile)
    made.save(output)
    return [
        f"{output}: both experts of {config}; a script that reads it needs",
        "    units metal",
        f"    pair_style mliap unified {output} 0",
        f"    pair_coeff * * {' '.join(made.element_types)}",
        "with one of these elements for each type of LAMMPS (moe-ipi lammps data: first all of bulk, then of complex)",
    ]
