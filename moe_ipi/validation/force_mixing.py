"""Force mixing, as a comparison: what one energy avoids."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes

from moe_ipi.potential import MoEPotential


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

    implemented_properties: ClassVar[list[str]] = ["energy", "forces"]

    def __init__(self, potential: MoEPotential, assignment: np.ndarray) -> None:
        super().__init__()
        self._potential = potential
        self._assignment = np.asarray(assignment, bool)

    def calculate(self, atoms: Atoms | None = None, properties=("energy",), system_changes=all_changes) -> None:
        """Compute energy (eV) and forces (eV/A); called by ASE."""
        super().calculate(atoms, properties, system_changes)
        mask, arguments = self._assignment, (self.atoms.positions[None], self.atoms.cell.array[None])
        outs = [
            self._potential.evaluate(*arguments, np.full(len(mask), value), self.atoms.pbc) for value in (True, False)
        ]
        energies = np.where(mask, outs[0].atom_energies[0], outs[1].atom_energies[0])
        self.results = {
            "energy": float(energies.sum()),
            "forces": np.where(mask[:, None], outs[0].forces[0], outs[1].forces[0]),
        }
