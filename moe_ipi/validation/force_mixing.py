"""Force mixing, as a comparison: what one energy avoids."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes

from moe_ipi.frames import checked_assignment, frames_of
from moe_ipi.potential import MoEPotential
from moe_ipi.typing import BoolArray


class ForceMixing(Calculator):
    """Forces of the complex expert in a region and of the bulk expert elsewhere, as ML-MIX mixes forces.

    Birks et al., arXiv 2502.19081, without blending: atom i moves under F_i of one expert, each computed as if the
    expert were everywhere (which is what a sufficient buffer gives).  These forces are the gradient of no energy, and
    they do not sum to zero.  The energy reported is that of the mixed energies of the atoms, which these forces do not
    follow.  For comparison only.

    Args:
        potential: of both experts.
        assignment: (N,) bool, True for atoms of the complex expert.
    """

    implemented_properties: ClassVar[list[str]] = ["energy", "forces"]  # type: ignore[misc]

    def __init__(self, potential: MoEPotential, assignment: BoolArray) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._potential = potential
        self._assignment = checked_assignment(assignment)

    def calculate(
        self,
        atoms: Atoms | None = None,
        properties: Sequence[str] = ("energy",),
        system_changes: Sequence[str] = all_changes,
    ) -> None:
        """Compute energy (eV) and forces (eV/A); called by ASE."""
        super().calculate(atoms, properties, system_changes)  # type: ignore[no-untyped-call]
        structure = self.atoms
        assert isinstance(structure, Atoms)
        frames, mask = frames_of(structure), self._assignment
        complex = self._potential.evaluate_frames(frames, hamiltonian="complex")
        bulk = self._potential.evaluate_frames(frames, hamiltonian="bulk")
        energies = np.where(mask, complex.atom_energies[0], bulk.atom_energies[0])
        self.results = {
            "energy": float(energies.sum()),
            "forces": np.where(mask[:, None], complex.forces[0], bulk.forces[0]),
        }
