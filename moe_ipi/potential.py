"""The two-expert potential: one energy, exact forces and virial, for batches of frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike

from moe_ipi.config import Config
from moe_ipi.edges import Edges
from moe_ipi.errors import StructureError
from moe_ipi.experts.environments import (
    OwnedEdges,
    add_forces,
    check_all_known,
    check_known,
    evaluate_in_chunks,
    packed,
    select_edges,
    types_of,
)
from moe_ipi.experts.expert import Expert
from moe_ipi.experts.loading import load_pair
from moe_ipi.frames import PERIODIC, Frames, checked_assignment, checked_frames
from moe_ipi.neighbors import NeighborLists
from moe_ipi.typing import BoolArray, FloatArray, Hamiltonian, IntArray


@dataclass(frozen=True)
class Evaluation:
    """What :meth:`MoEPotential.evaluate` returns for B frames of N atoms.

    Attributes:
        energies: (B,) eV.
        forces: (B, N, 3) eV/A, minus the gradient of ``energies``.
        virials: (B, 3, 3) eV, minus the derivative of ``energies`` with respect to strain;
            the stress in ASE's sign is ``-virial / volume``.  Symmetric.
        atom_energies: (B, N) eV; they sum to ``energies``.
    """

    energies: FloatArray
    forces: FloatArray
    virials: FloatArray
    atom_energies: FloatArray


class Potential(Protocol):
    """What has energies and forces of the two-expert potential for structures of the same atoms."""

    def evaluate_frames(
        self, frames: Frames, assignment: ArrayLike | None = None, hamiltonian: Hamiltonian = "moe"
    ) -> Evaluation:
        """See :meth:`MoEPotential.evaluate`."""

    def disagreement_of(self, frames: Frames) -> FloatArray:
        """See :meth:`MoEPotential.disagreement`."""


@dataclass(frozen=True)
class _Term:
    """What one expert contributes: ``sign`` times its energies of these atoms (n,); types (N,) of all atoms."""

    name: str
    expert: Expert
    types: IntArray
    atoms: IntArray
    sign: float


class MoEPotential:
    """E = sum_i E_i^complex where the assignment is True + sum_i E_i^bulk elsewhere.

    Both experts are strictly local, so each evaluates exactly the edges whose centre it owns, and
    the gradient of the mixed energy is the sum of theirs: nothing is blended, no force is mixed.

    Besides this energy (``"moe"``) there are ``"bulk"`` and ``"complex"``, one expert for every atom, and
    ``"correction"`` = moe - bulk = sum over the complex atoms of E_i^complex - E_i^bulk, which costs only these atoms.
    Bulk and correction are what multiple time stepping and ring-polymer contraction treat differently.

    Args:
        complex: expert of the atoms whose assignment is True.
        bulk: expert of the others.
        species: chemical symbols of the N atoms.
        skin: Verlet skin of the neighbour lists, A.

    The experts need not know the same elements: each must know those of its atoms and of their neighbours.

    Raises:
        StructureError: an atom is of an element that neither knows.
    """

    def __init__(self, complex: Expert, bulk: Expert, species: Sequence[str], *, skin: float = 0.5) -> None:
        check_all_known(species, complex, bulk, "the structure contains")
        self.complex = complex
        self.bulk = bulk
        self.species = tuple(species)
        self._complex_types = types_of(complex, self.species)
        self._bulk_types = types_of(bulk, self.species)
        self._lists = NeighborLists(max(complex.cutoff, bulk.cutoff), skin)

    def __getstate__(self) -> dict[str, Any]:
        """Without the neighbour lists: a copy builds its own."""
        lists = NeighborLists(self._lists.cutoff, self._lists.skin)
        return self.__dict__ | {"_lists": lists}

    @classmethod
    def from_config(
        cls, config: Config, species: Sequence[str], *, device: str | None = None, compile: bool | None = None
    ) -> MoEPotential:
        """Load the experts that a config names.

        Args:
            config: see :func:`moe_ipi.config.load_config`.
            species: chemical symbols of the N atoms.
            device, compile: override the config's ``[compute]`` keys.

        Raises:
            ModelError: a model file cannot be used.
            StructureError: an atom is of a species that the experts do not know.
        """
        complex, bulk = load_pair(config, device=device, compile=compile)
        return cls(complex, bulk, species, skin=config.compute.skin)

    @property
    def natoms(self) -> int:
        """N."""
        return len(self.species)

    def with_species(self, species: Sequence[str]) -> MoEPotential:
        """The same experts for another list of atoms.

        Raises:
            StructureError: an atom is of a species that the experts do not know.
        """
        return MoEPotential(self.complex, self.bulk, species, skin=self._lists.skin)

    def evaluate(
        self,
        positions: ArrayLike,
        cells: ArrayLike,
        assignment: ArrayLike | None = None,
        pbc: ArrayLike = PERIODIC,
        hamiltonian: Hamiltonian = "moe",
    ) -> Evaluation:
        """Evaluate B frames under one assignment.

        Args:
            positions: (B, N, 3) A; need not be wrapped into the cell.
            cells: (B, 3, 3) A, rows are lattice vectors.
            assignment: (N,) bool, True for atoms of the complex expert; ``bulk`` and ``complex`` need none.
            pbc: which lattice vectors are periodic.
            hamiltonian: which energy, see the class.

        Raises:
            StructureError: wrong shapes, numbers that are not finite going in or coming out, or an atom (or a neighbour
                of one) of an element that its expert does not know.
        """
        return self.evaluate_frames(checked_frames(positions, cells, pbc, natoms=self.natoms), assignment, hamiltonian)

    def evaluate_frames(
        self, frames: Frames, assignment: ArrayLike | None = None, hamiltonian: Hamiltonian = "moe"
    ) -> Evaluation:
        """:meth:`evaluate` for structures that were checked."""
        if assignment is not None:
            assignment = checked_assignment(assignment, self.natoms)
        terms = self._terms(assignment, hamiltonian)
        edges = self._lists.batch(frames)
        atom_energies = np.zeros(frames.positions.shape[:2])
        forces = np.zeros_like(frames.positions)
        virials = np.zeros((len(frames), 3, 3))
        for term in terms:
            if len(term.atoms) == 0:
                continue
            owned = self._owned_edges(term, frames, edges)
            environments = packed(owned, term.atoms, term.types)
            check_known(environments, term.name, term.expert, self.species)
            energies, gradients = evaluate_in_chunks(term.expert, environments)
            atom_energies[:, term.atoms] += term.sign * energies.reshape(len(frames), -1)
            gradients = term.sign * gradients
            stop = np.cumsum([len(each.centers) for each in owned])
            for b, each in enumerate(owned):
                part = gradients[stop[b] - len(each.centers) : stop[b]]
                add_forces(forces[b], virials[b], each.vectors, part, term.atoms[each.centers], each.neighbors)
        result = Evaluation(
            energies=atom_energies.sum(axis=1),
            forces=forces,
            virials=0.5 * (virials + virials.transpose(0, 2, 1)),
            atom_energies=atom_energies,
        )
        if not (np.isfinite(result.energies).all() and np.isfinite(forces).all() and np.isfinite(virials).all()):
            raise StructureError(
                "the experts returned an energy or force that is not finite; the structure is probably far from "
                "what they were trained on (look at the last frame, use a smaller time step)"
            )
        return result

    def disagreement(self, positions: ArrayLike, cells: ArrayLike, pbc: ArrayLike = PERIODIC) -> FloatArray:
        """(B, N) how much the two experts differ on the energy of each atom, abs(E_i^complex - E_i^bulk) in eV.

        Evaluates both experts on every atom; arguments and errors as for :meth:`evaluate`.
        """
        return self.disagreement_of(checked_frames(positions, cells, pbc, natoms=self.natoms))

    def disagreement_of(self, frames: Frames) -> FloatArray:
        """:meth:`disagreement` for structures that were checked."""
        complex, bulk = (self.evaluate_frames(frames, hamiltonian=name).atom_energies for name in ("complex", "bulk"))
        return np.abs(complex - bulk)

    def _terms(self, assignment: BoolArray | None, hamiltonian: Hamiltonian) -> list[_Term]:
        """Which expert is evaluated for which atoms, and with which sign it enters."""
        everyone = np.arange(self.natoms)
        match hamiltonian:
            case "bulk":
                return [self._bulk_term(everyone)]
            case "complex":
                return [self._complex_term(everyone)]
        if assignment is None:
            raise StructureError(f"the energy '{hamiltonian}' needs an assignment: one boolean per atom")
        mine, rest = np.flatnonzero(assignment), np.flatnonzero(~assignment)
        match hamiltonian:
            case "moe":
                return [self._complex_term(mine), self._bulk_term(rest)]
            case "correction":
                return [self._complex_term(mine), self._bulk_term(mine, -1.0)]
        raise ValueError(f"there is no hamiltonian {hamiltonian!r}")

    def _complex_term(self, atoms: IntArray) -> _Term:
        return _Term("complex", self.complex, self._complex_types, atoms, 1.0)

    def _bulk_term(self, atoms: IntArray, sign: float = 1.0) -> _Term:
        return _Term("bulk", self.bulk, self._bulk_types, atoms, sign)

    def _owned_edges(self, term: _Term, frames: Frames, edges: list[Edges]) -> list[OwnedEdges]:
        rank = np.full(self.natoms, -1, dtype=np.int64)
        rank[term.atoms] = np.arange(len(term.atoms))
        return [
            OwnedEdges(*select_edges(r, h, e.centers, e.neighbors, e.shifts, rank, term.expert.cutoff))
            for (r, h), e in zip(frames, edges, strict=True)
        ]
