"""The potential as a model of torch-sim: systems of different sizes in one batch.

torch-sim's cells have lattice vectors in columns; its units are eV, A and eV/A^3, stress in ASE's sign.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from ase.data import chemical_symbols
from numpy.typing import ArrayLike

try:
    from torch_sim.models.interface import ModelInterface
    from torch_sim.state import SimState
except ModuleNotFoundError as error:
    if error.name is None or error.name.partition(".")[0] != "torch_sim":
        raise
    raise ImportError("torch-sim is not installed: pip install 'moe-ipi[torchsim]'") from error

from moe_ipi.config import Config, load_config
from moe_ipi.edges import Edges
from moe_ipi.errors import StructureError
from moe_ipi.experts.environments import add_forces
from moe_ipi.experts.loading import load_pair
from moe_ipi.frames import Frames, checked_assignment, checked_frames
from moe_ipi.lammps.domain import Domain
from moe_ipi.models import find_config
from moe_ipi.neighbors import NeighborLists
from moe_ipi.regions.partitioner import Partitioner
from moe_ipi.typing import BoolArray, FloatArray, Hamiltonian, IntArray


@dataclass(frozen=True)
class _Batch:
    """S systems with N atoms in all: frames (one each), atomic numbers (N,), first atom of each and N (S + 1,)."""

    frames: list[Frames]
    numbers: IntArray
    first: IntArray

    def slices(self) -> list[slice]:
        return [slice(a, b) for a, b in zip(self.first[:-1], self.first[1:], strict=True)]

    def same_atoms(self, other: _Batch) -> bool:
        return np.array_equal(self.numbers, other.numbers) and np.array_equal(self.first, other.first)


class MoEModel(ModelInterface):
    """A two-expert potential behind torch-sim's model interface.

    Both experts get the atoms of all systems at once.  The assignment is computed by the rules, for each system by
    itself.  With ``frozen`` that of the first batch is kept, so that energies of successive states belong to one
    Hamiltonian, until :meth:`update` or :meth:`set_assignment`; a batch of other atoms is then refused.  torch-sim
    gives systems no names: a frozen model must not be used where systems are exchanged for others during a run
    (``autobatcher`` of ``optimize`` or ``static``).  Without ``frozen`` the rules are asked for every state.

    Args:
        config: path of a ``moe.toml``, the name of a shipped pair, or a loaded configuration.
        device: ``cpu``, ``cuda`` or ``cuda:N``, where the experts compute; overrides ``compute.device``.
        compile: compile the models with AOTInductor; overrides ``compute.compile``.
        dtype: of the tensors that are returned; experts have precisions of their own.
        hamiltonian: which energy, see :class:`moe_ipi.potential.MoEPotential`.
        frozen: see above.
        compute_stress: whether to return the stress, of systems periodic in three dimensions.

    Raises:
        ConfigError: the config cannot be used.
        ModelError: a model cannot serve as an expert.
    """

    def __init__(
        self,
        config: str | Path | Config,
        *,
        device: str | None = None,
        compile: bool | None = None,
        dtype: torch.dtype = torch.float64,
        hamiltonian: Hamiltonian = "moe",
        frozen: bool = True,
        compute_stress: bool = True,
    ) -> None:
        super().__init__()
        loaded = config if isinstance(config, Config) else load_config(find_config(config))
        self._device = torch.device(device or loaded.compute.device)
        self._dtype = dtype
        self._compute_forces = True
        self._compute_stress = compute_stress
        self._hamiltonian = hamiltonian
        self._frozen = frozen
        self._regions = loaded.regions
        self._domain = Domain(*load_pair(loaded, device=device, compile=compile))
        self._domain.take_elements(self._domain.complex.species)
        self._lists = NeighborLists(self._domain.cutoff, loaded.compute.skin)
        self._partitioners: dict[tuple[str, ...], Partitioner] = {}
        self._known: _Batch | None = None
        self._assignment: BoolArray | None = None

    @property
    def assignment(self) -> BoolArray | None:
        """(N,) bool, True for atoms of the complex expert, of the last state; ``None`` before the first one."""
        return None if self._assignment is None else self._assignment.copy()

    def update(self, state: SimState) -> BoolArray:
        """(N,) the assignment that the rules give for a state, which holds from now on.

        Raises:
            ConfigError, StructureError: see :meth:`moe_ipi.regions.partitioner.Partitioner.assign`.
        """
        self._take(self._batch_of(state))
        assert self._assignment is not None
        return self._assignment.copy()

    def set_assignment(self, state: SimState, mask: ArrayLike) -> None:
        """Impose an assignment, on a model that is ``frozen``.

        Args:
            state: whose atoms it is for.
            mask: (N,) bool, True for atoms of the complex expert.

        Raises:
            StructureError: it is not one boolean per atom.
        """
        batch = self._batch_of(state)
        self._assignment, self._known = checked_assignment(mask, len(batch.numbers)).copy(), batch

    def forward(self, state: SimState | dict[str, Any], **kwargs: Any) -> dict[str, torch.Tensor]:
        """Evaluate S systems with N atoms in all.

        Args:
            state: positions (N, 3) A, cells (S, 3, 3) A with lattice vectors in columns, atomic numbers (N,).
            kwargs: torch-sim's; none is known.

        Returns:
            ``energy`` (S,) eV, ``forces`` (N, 3) eV/A, ``energies`` (N,) eV of the atoms, and as configured ``stress``
            (S, 3, 3) eV/A^3.

        Raises:
            StructureError: a structure cannot be evaluated, or the batch has other atoms than the frozen assignment.
        """
        if not isinstance(state, SimState):
            state = SimState(masses=torch.ones_like(state["positions"][:, 0]), **state)
        batch = self._batch_of(state)
        if self._hamiltonian in ("moe", "correction") and (not self._frozen or self._known is None):
            self._take(batch)
        elif self._known is not None and not batch.same_atoms(self._known):
            raise StructureError(
                "the batch has other atoms than the one that the assignment was frozen for: call update(state), or "
                "make the model with frozen=False"
            )
        return self._evaluated(batch, state)

    def _batch_of(self, state: SimState) -> _Batch:
        """The state, with atoms that the experts know.

        Raises:
            StructureError: they do not, or numbers are not finite.
        """
        batch, species = _batch_of(state), self._domain.elements
        unknown = sorted({chemical_symbols[number] for number in np.unique(batch.numbers)} - set(species))
        if unknown:
            raise StructureError(
                f"the systems contain {' '.join(unknown)}, but the experts know only {' '.join(species)}; use a model "
                "trained on these elements"
            )
        return batch

    def _evaluated(self, batch: _Batch, state: SimState) -> dict[str, torch.Tensor]:
        edges, vectors = self._edges(batch)
        energies, gradients = self._energies(batch, edges, vectors, self._hamiltonian, self._assignment)
        forces, virials = np.zeros((len(batch.numbers), 3)), np.zeros((len(edges), 3, 3))
        stop = np.cumsum([len(each.centers) for each in edges])
        for k, (each, atoms) in enumerate(zip(edges, batch.slices(), strict=True)):
            part = slice(stop[k] - len(each.centers), stop[k])
            add_forces(forces[atoms], virials[k], vectors[part], gradients[part], each.centers, each.neighbors)

        def tensor(values: FloatArray) -> torch.Tensor:
            return torch.as_tensor(values, dtype=self._dtype, device=state.device)

        results = {
            "energy": tensor(np.array([energies[atoms].sum() for atoms in batch.slices()])),
            "forces": tensor(forces),
            "energies": tensor(energies),
        }
        if self._compute_stress:
            results["stress"] = tensor(_stresses(batch, virials))
        return results

    def _take(self, batch: _Batch) -> None:
        """Make the assignment by the rules."""
        disagreement: FloatArray | None = None
        if self._regions.needs_disagreement:
            edges, vectors = self._edges(batch)
            complex, bulk = (self._energies(batch, edges, vectors, kind)[0] for kind in ("complex", "bulk"))
            disagreement = np.abs(complex - bulk)
        found = np.zeros(len(batch.numbers), bool)
        for frames, atoms in zip(batch.frames, batch.slices(), strict=True):
            species = tuple(chemical_symbols[number] for number in batch.numbers[atoms])
            if species not in self._partitioners:
                self._partitioners[species] = Partitioner(self._regions, species)
            asked = None if disagreement is None else disagreement[np.newaxis, atoms]
            found[atoms] = self._partitioners[species].assign_frames(frames, disagreement=asked)
        self._assignment, self._known = found, batch

    def _edges(self, batch: _Batch) -> tuple[list[Edges], FloatArray]:
        """Of each system, and the vectors (E, 3) A of all of them."""
        # As for the beads of a path integral, see NeighborLists.batch.
        self._lists.capacity = max(self._lists.capacity, 2 * len(batch.frames))
        edges, vectors = [], []
        for frames in batch.frames:
            ((positions, cell),) = frames
            edges.append(self._lists.edges(positions, cell, frames.pbc))
            vectors.append(edges[-1].vectors(positions, cell))
        return edges, np.concatenate(vectors)

    def _energies(
        self,
        batch: _Batch,
        edges: Sequence[Edges],
        vectors: FloatArray,
        hamiltonian: Hamiltonian,
        assignment: BoolArray | None = None,
    ) -> tuple[FloatArray, FloatArray]:
        """Energies (N,) of the atoms, eV, and their derivatives (E, 3) along the edges."""
        species = self._domain.elements
        types = np.array([species.index(chemical_symbols[number]) for number in batch.numbers], np.int32) + 1
        if assignment is not None:
            types[assignment] += len(species)
        self._domain.hamiltonian = hamiltonian
        centers, neighbors = (
            np.concatenate([getattr(e, end) + first for e, first in zip(edges, batch.first, strict=False)])
            for end in ("centers", "neighbors")
        )
        return self._domain.evaluate(
            types, centers.astype(np.int32), neighbors.astype(np.int32), vectors, len(batch.numbers)
        )


def _batch_of(state: SimState) -> _Batch:
    """A state as numpy arrays.

    Raises:
        StructureError: numbers are not finite.
    """
    positions, cells, numbers, systems = (
        tensor.detach().cpu().numpy()
        for tensor in (state.positions, state.cell, state.atomic_numbers, state.system_idx)
    )
    first = np.searchsorted(systems, np.arange(len(cells) + 1))
    pbc = np.broadcast_to(np.asarray(state.pbc), (3,))
    frames = [
        checked_frames(positions[np.newaxis, a:b], cell.T[np.newaxis], pbc)
        for a, b, cell in zip(first[:-1], first[1:], cells, strict=True)
    ]
    return _Batch(frames, numbers.astype(np.int64), first)


def _stresses(batch: _Batch, virials: FloatArray) -> FloatArray:
    """(S, 3, 3) eV/A^3 from minus the derivatives with respect to strain, eV.

    Raises:
        StructureError: a system is not periodic.
    """
    if not all(all(frames.pbc) for frames in batch.frames):
        raise StructureError("there is no stress without periodicity: make the model with compute_stress=False")
    volumes = np.array([abs(np.linalg.det(frames.cells[0])) for frames in batch.frames])
    stresses: FloatArray = -0.5 * (virials + virials.transpose(0, 2, 1)) / volumes[:, np.newaxis, np.newaxis]
    return stresses
