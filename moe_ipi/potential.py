"""The two-expert potential: one energy, exact forces and virial, for batches of frames."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from moe_ipi.config import Config
from moe_ipi.errors import ModelError, StructureError
from moe_ipi.experts.expert import Expert, FloatArray, IntArray, Stars
from moe_ipi.experts.loading import load_expert
from moe_ipi.neighbors import NeighborLists, Pairs
from moe_ipi.stars import add_forces, select_edges
from moe_ipi.threads import set_threads

#: Which energy is computed, see :class:`MoEPotential`.
Hamiltonian = Literal["moe", "bulk", "complex", "correction"]

#: Edges handed to an expert at once: bounds memory (about 1 GB for a large model on the CPU).
MAX_EDGES = 100_000


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

    Raises:
        ModelError: the experts know different species.
        StructureError: an atom is of a species that they do not know.
    """

    def __init__(self, complex: Expert, bulk: Expert, species: Sequence[str], *, skin: float = 0.5) -> None:
        if set(complex.species) != set(bulk.species):
            raise ModelError(
                f"the experts know different species (complex: {' '.join(complex.species)}; bulk: "
                f"{' '.join(bulk.species)}); train both with the same type_names"
            )
        unknown = sorted(set(species) - set(complex.species))
        if unknown:
            raise StructureError(
                f"the structure contains {' '.join(unknown)}, but the experts know only {' '.join(complex.species)}; "
                "use a model trained on these elements"
            )
        self.complex = complex
        self.bulk = bulk
        self.species = tuple(species)
        self._types = {
            expert: np.array([expert.species.index(s) for s in self.species], dtype=np.int64)
            for expert in (complex, bulk)
        }
        self._lists = NeighborLists(max(complex.cutoff, bulk.cutoff), skin)

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
        device = config.compute.device if device is None else device
        compile = config.compute.compile if compile is None else compile
        experts = {
            name: load_expert(getattr(config.experts, name), name=name, device=device, compile=compile)
            for name in ("complex", "bulk")
        }
        if config.compute.threads is not None:
            set_threads(config.compute.threads)
        return cls(**experts, species=species, skin=config.compute.skin)

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
        assignment: ArrayLike,
        pbc: Sequence[bool] = (True, True, True),
        hamiltonian: Hamiltonian = "moe",
    ) -> Evaluation:
        """Evaluate B frames under one assignment.

        Args:
            positions: (B, N, 3) A; need not be wrapped into the cell.
            cells: (B, 3, 3) A, rows are lattice vectors.
            assignment: (N,) bool, True for atoms of the complex expert.
            pbc: which lattice vectors are periodic.
            hamiltonian: which energy, see the class.

        Raises:
            StructureError: wrong shapes, or numbers that are not finite going in or coming out.
        """
        r, h, a = self._checked(positions, cells, assignment)
        periodic = np.asarray(pbc, dtype=bool)
        pairs = [self._lists.pairs(r[b], h[b], periodic) for b in range(len(r))]
        atom_energies = np.zeros(r.shape[:2])
        forces = np.zeros_like(r)
        virials = np.zeros((len(r), 3, 3))
        for expert, owned, sign in self._terms(a, hamiltonian):
            self._add(expert, np.flatnonzero(owned), sign, r, h, pairs, atom_energies, forces, virials)
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

    def disagreement(
        self, positions: ArrayLike, cells: ArrayLike, pbc: Sequence[bool] = (True, True, True)
    ) -> FloatArray:
        """(B, N) how much the two experts differ on the energy of each atom, abs(E_i^complex - E_i^bulk) in eV.

        Evaluates both experts on every atom; arguments and errors as for :meth:`evaluate`.
        """
        nobody = np.zeros(len(self.species), bool)
        complex, bulk = (
            self.evaluate(positions, cells, nobody, pbc, hamiltonian).atom_energies
            for hamiltonian in ("complex", "bulk")
        )
        return np.abs(complex - bulk)

    def _terms(self, a: NDArray[np.bool_], hamiltonian: Hamiltonian) -> list[tuple[Expert, NDArray[np.bool_], float]]:
        """Which expert is evaluated for which atoms, and with which sign it enters."""
        everyone = np.ones_like(a)
        match hamiltonian:
            case "moe":
                return [(self.complex, a, 1.0), (self.bulk, ~a, 1.0)]
            case "bulk":
                return [(self.bulk, everyone, 1.0)]
            case "complex":
                return [(self.complex, everyone, 1.0)]
            case "correction":
                return [(self.complex, a, 1.0), (self.bulk, a, -1.0)]
        raise ValueError(f"there is no hamiltonian {hamiltonian!r}")

    def _checked(
        self, positions: ArrayLike, cells: ArrayLike, assignment: ArrayLike
    ) -> tuple[FloatArray, FloatArray, NDArray[np.bool_]]:
        r = np.ascontiguousarray(positions, dtype=np.float64)
        h = np.ascontiguousarray(cells, dtype=np.float64)
        a = np.asarray(assignment)
        n = len(self.species)
        if r.ndim != 3 or r.shape[1:] != (n, 3):
            raise StructureError(
                f"positions have shape {r.shape}, expected (frames, {n}, 3): {n} atoms in the template"
            )
        if h.shape != (len(r), 3, 3):
            raise StructureError(f"cells have shape {h.shape}, expected ({len(r)}, 3, 3)")
        if a.shape != (n,) or a.dtype != np.bool_:
            raise StructureError(f"the assignment is {a.dtype} of shape {a.shape}, expected bool of shape ({n},)")
        if not (np.isfinite(r).all() and np.isfinite(h).all()):
            raise StructureError("positions or cell are not finite; the simulation has probably blown up")
        return r, h, a

    def _add(
        self,
        expert: Expert,
        atoms: IntArray,
        sign: float,
        r: FloatArray,
        h: FloatArray,
        pairs: list[Pairs],
        atom_energies: FloatArray,
        forces: FloatArray,
        virials: FloatArray,
    ) -> None:
        """Add ``sign`` times what ``expert`` gives for the atoms, in all frames."""
        if len(atoms) == 0:
            return
        n = len(atoms)
        types = self._types[expert]
        rank = np.full(len(types), -1, dtype=np.int64)
        rank[atoms] = np.arange(n)
        frames = [
            select_edges(r[b], h[b], p.centers, p.neighbors, p.shifts, rank, expert.cutoff) for b, p in enumerate(pairs)
        ]
        stars = Stars(
            vectors=np.concatenate([f[0] for f in frames]),
            centers=np.concatenate([f[1] + b * n for b, f in enumerate(frames)]),
            center_types=np.tile(types[atoms], len(r)),
            neighbor_types=types[np.concatenate([f[2] for f in frames])],
        )
        energies, gradients = evaluate_in_chunks(expert, stars)
        atom_energies[:, atoms] += sign * energies.reshape(len(r), n)
        gradients = sign * gradients
        start = 0
        for b, (vectors, owners, others) in enumerate(frames):
            stop = start + len(owners)
            add_forces(forces[b], virials[b], vectors, gradients[start:stop], atoms[owners], others)
            start = stop


def evaluate_in_chunks(expert: Expert, stars: Stars, max_edges: int = MAX_EDGES) -> tuple[FloatArray, FloatArray]:
    """:meth:`Expert.evaluate` on at most ``max_edges`` edges at once (more if one centre has more)."""
    if len(stars.centers) <= max_edges:
        return expert.evaluate(stars)
    energies, gradients = [], []
    for chunk in _chunks(stars, max_edges):
        e, g = expert.evaluate(chunk)
        energies.append(e)
        gradients.append(g)
    return np.concatenate(energies), np.concatenate(gradients)


def _chunks(stars: Stars, max_edges: int) -> Iterator[Stars]:
    n_centers = len(stars.center_types)
    # first_edge[c] is the first edge of centre c: a chunk is a run of whole centres.
    first_edge = np.searchsorted(stars.centers, np.arange(n_centers + 1))
    start = 0
    while start < n_centers:
        stop = int(np.searchsorted(first_edge, first_edge[start] + max_edges, side="right")) - 1
        stop = min(max(stop, start + 1), n_centers)
        edges = slice(first_edge[start], first_edge[stop])
        yield Stars(
            vectors=stars.vectors[edges],
            centers=stars.centers[edges] - start,
            center_types=stars.center_types[start:stop],
            neighbor_types=stars.neighbor_types[edges],
        )
        start = stop
