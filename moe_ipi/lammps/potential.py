"""The two-expert potential whose atoms are spread over ranks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import numpy as np
from ase.data import atomic_masses, atomic_numbers
from numpy.typing import ArrayLike, NDArray

from moe_ipi.errors import StructureError
from moe_ipi.frames import Frames, checked_assignment
from moe_ipi.lammps.balance import WEIGHT, Weights
from moe_ipi.lammps.box import Box, boxed
from moe_ipi.lammps.domain import Domain
from moe_ipi.lammps.engine import Engine
from moe_ipi.lammps.ranks import Ranks, SharedError
from moe_ipi.lammps.signals import later
from moe_ipi.potential import Evaluation
from moe_ipi.typing import BoolArray, FloatArray, Hamiltonian, IntArray, Periodicity

_AXES = "xyz"


class DistributedPotential:
    """:class:`moe_ipi.potential.MoEPotential`, on LAMMPS and MPI.

    The root asks for energies, within a ``with`` block; meanwhile every other rank is in :meth:`serve`.

    Args:
        ranks: all of them make one of these.
        domain: the experts of this rank.
        species: chemical symbols of the N atoms.

    Raises:
        StructureError: an atom is of a species that the experts do not know.
    """

    def __init__(self, ranks: Ranks, domain: Domain, species: Sequence[str]) -> None:
        self._ranks = ranks
        self._domain = domain
        self.species = tuple(species)
        self._elements = tuple(dict.fromkeys(self.species))
        domain.take_elements(self._elements)
        self._element_types = np.array([self._elements.index(s) + 1 for s in self.species], np.int64)
        self._engine: Engine | None = None
        self._pbc: Periodicity | None = None
        self._tiled = False
        #: The command that has given LAMMPS its cell.
        self._box = ""
        self._weights: Weights | None = None
        #: The assignment for which the ranks have equally much to do.
        self._balanced: BoolArray | None = None

    def evaluate_frames(
        self, frames: Frames, assignment: ArrayLike | None = None, hamiltonian: Hamiltonian = "moe"
    ) -> Evaluation:
        """As :meth:`moe_ipi.potential.MoEPotential.evaluate_frames`; on the root."""
        n = len(self.species)
        if assignment is None:
            if hamiltonian in ("moe", "correction"):
                raise StructureError(f"the energy '{hamiltonian}' needs an assignment: one boolean per atom")
            mask = np.zeros(n, bool)
        else:
            mask = checked_assignment(assignment, n)
        results = []
        for positions, cell in frames:
            request = (positions, cell, frames.pbc, np.packbits(mask), hamiltonian)
            with later():
                results.append(self._evaluate(*self._ranks.broadcast(request)))
        energies, forces, virials = (np.array([result[k] for result in results]) for k in (0, 1, 2))
        return Evaluation(
            atom_energies=energies,
            energies=energies.sum(axis=1),
            forces=forces,
            virials=virials,
        )

    def disagreement_of(self, frames: Frames) -> FloatArray:
        """(B, N) eV, see :meth:`moe_ipi.potential.MoEPotential.disagreement`; on the root."""
        complex, bulk = (self.evaluate_frames(frames, hamiltonian=name).atom_energies for name in ("complex", "bulk"))
        return np.abs(complex - bulk)

    def serve(self) -> None:
        """On the other ranks: compute with the root until it lets this one go."""
        while (request := self._ranks.broadcast()) is not None:
            self._evaluate(*request)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        """On the root: let the others go, unless they have failed with it."""
        if not isinstance(error, SharedError):
            self._ranks.broadcast(None)
            self._ranks.alone = True

    def _evaluate(
        self,
        positions: FloatArray,
        cell: FloatArray,
        pbc: Periodicity,
        bits: NDArray[np.uint8],
        hamiltonian: Hamiltonian,
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Energies (N,) of the atoms, forces (N, 3) and virial (3, 3) of one frame; on the root, else nothing."""
        n = len(self.species)
        mask = np.unpackbits(bits, count=n).astype(bool)
        types = self._element_types + len(self._elements) * mask
        box = self._ranks.together(lambda: boxed(positions, cell, pbc))
        # LAMMPS's tiles cannot see beyond the next image of the cell.
        tiled = self._ranks.size > 1 and box.thinnest > self._domain.cutoff
        if self._engine is None or (self._pbc, self._tiled) != (pbc, tiled):
            self._engine, self._pbc, self._tiled = self._started(box, pbc, types, tiled), pbc, tiled
            self._balanced = None
        engine = self._engine
        self._domain.hamiltonian = hamiltonian
        change = _change_box(box, pbc)
        if change != self._box:
            # On the way to another cell LAMMPS wraps atoms in cells that are neither, so that they are placed after it.
            engine.command(change)
            self._box = change
        ids = engine.ids - 1
        engine.positions[:] = box.positions[ids]
        engine.types[:] = types[ids]
        # In the same cell it only moves every atom to its rank.
        engine.command(change)
        if self._weights is not None and (self._balanced is None or not np.array_equal(mask, self._balanced)):
            if self._weights.measure():
                engine.command(f"balance 1.0 rcb weight var {WEIGHT}")
            self._balanced = mask
        engine.command("run 0 post no")
        volume = float(engine.lammps.get_thermo("vol"))
        to_energy = volume / float(engine.lammps.extract_global("nktv2p"))
        xx, yy, zz, xy, xz, yz = engine.vector("moe_virial", 6) * to_energy
        virial = np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]])
        gathered = self._ranks.comm.gather((engine.ids - 1, engine.energies, np.array(engine.forces)))
        energies, forces = np.zeros(n), np.zeros((n, 3))
        for mine, e, f in gathered or ():
            energies[mine], forces[mine] = e, f
        back = box.rotation.T
        return energies, forces @ back, back.T @ virial @ back

    def _started(self, box: Box, pbc: Periodicity, types: IntArray, tiled: bool) -> Engine:
        """A LAMMPS with all atoms."""
        if self._engine is not None:
            self._engine.close()
        engine = Engine(self._ranks, self._domain)
        bounds = " ".join(f"{lo!r} {hi!r}" for lo, hi in box.bounds)
        masses = [float(atomic_masses[atomic_numbers[element]]) for element in self._elements]
        lines = [
            "units metal",
            "atom_style atomic",
            "newton on",
            f"boundary {' '.join('p' if periodic else 's' for periodic in pbc)}",
            f"region cell prism {bounds} {' '.join(map(repr, box.tilts.values()))} units box",
            f"create_box {2 * len(self._elements)} cell",
            *(f"mass {k} {mass!r}" for k, mass in enumerate(masses + masses, 1)),
            # Every structure has lists of its own.
            "neighbor 0.0 bin",
            "neigh_modify every 1 delay 0 check no",
            "pair_style moe",
            f"pair_coeff * * {' '.join(self._elements)}",
        ]
        for line in lines:
            engine.command(line)
        if tiled:
            engine.command("comm_style tiled")
        self._weights = Weights(self._ranks, engine) if tiled else None
        engine.create_atoms(types, box.positions)
        engine.command("compute moe_virial all pressure NULL virial")
        # What thermo prints at every step, energy and virial are computed for.
        engine.command("thermo_style custom step pe c_moe_virial[1]")
        engine.command("thermo 1")
        return engine


def _change_box(box: Box, pbc: Periodicity) -> str:
    """The command that gives LAMMPS a cell."""
    words = [f"{axis} final {lo!r} {hi!r}" for axis, (lo, hi) in zip(_AXES, box.bounds, strict=True)]
    words += [f"{name} final {tilt!r}" for name, tilt in box.tilts.items() if _tilts(name, pbc)]
    return f"change_box all {' '.join(words)} units box"


def _tilts(name: str, pbc: Periodicity) -> bool:
    """Whether LAMMPS lets this tilt be changed: only where both directions are periodic."""
    return all(pbc[_AXES.index(axis)] for axis in name)
