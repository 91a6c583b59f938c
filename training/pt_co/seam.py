"""How much spurious force a bulk expert with a shorter cutoff must leave at a seam, whatever it learns.

    python seam.py

In the perfect crystal every edge's gradient is along the edge and the same for a shell of neighbours.  A plane through
the crystal leaves on an atom the difference of the experts' gradients, summed over the edges that it cuts.  The bulk
expert is free in the shells within its cutoff and has no gradient beyond: least squares over many planes give the
least that is left.
"""

from __future__ import annotations

import numpy as np
from ase.build import bulk

from moe_ipi import load_config, pretrained
from moe_ipi.edges import full_list
from moe_ipi.experts.expert import Environments
from moe_ipi.experts.nequip.module import expert_from_module
from moe_ipi.experts.nequip.saved import saved_module

#: The complex expert's lattice parameter and cutoff, and cutoffs of bulk experts, A.
A0, REACH, CUTOFFS = 3.9753, 6.0, (4.5, 5.5, 6.0)


def main() -> None:
    config = load_config(pretrained("pt-co"))
    atom = bulk("Pt", "fcc", a=A0)
    edges = full_list(atom.positions, atom.cell.array, (True, True, True), REACH)
    vectors = edges.vectors(atom.positions, atom.cell.array)
    lengths = np.linalg.norm(vectors, axis=1)
    along = vectors / lengths[:, None]
    shells, shell = np.unique(np.round(lengths, 3), return_inverse=True)
    slopes = {}
    for key in ("complex", "bulk"):
        expert = expert_from_module(saved_module(config.experts.complex.path, key, key)[0], name=key)
        kind = expert.species.index("Pt")
        environment = Environments(vectors, edges.centers, np.array([kind]), np.full(len(vectors), kind))
        radial = (expert.evaluate(environment)[1] * along).sum(axis=1)
        slopes[key] = np.array([radial[shell == k].mean() for k in range(len(shells))])
        print(
            f"{key}: " + ", ".join(f"{s:.3f} A {1000 * g:.1f} meV/A" for s, g in zip(shells, slopes[key], strict=True))
        )
    normals = [(1, 0, 0), (1, 1, 0), (1, 1, 1), *np.random.default_rng(1).normal(size=(200, 3))]
    planes = [(np.array(n) / np.linalg.norm(n), d) for n in normals for d in np.arange(-5.9, 6.0, 0.2)]
    # (planes, shells, 3): what a unit gradient of a shell leaves; the sum over a whole shell is zero.
    cut = np.array([vectors @ n > d for n, d in planes])
    unit = np.stack([-((cut * (shell == k)) @ along) for k in range(len(shells))], axis=1)
    whole = np.einsum("pka,k->pa", unit, slopes["complex"])
    print(_told("the pair", whole - np.einsum("pka,k->pa", unit, slopes["bulk"])))
    for cutoff in CUTOFFS:
        columns = unit[:, shells < cutoff].transpose(0, 2, 1).reshape(whole.size, -1)
        best = np.linalg.lstsq(columns, whole.ravel(), rcond=None)[0]
        print(_told(f"the best of cutoff {cutoff} A", whole - (columns @ best).reshape(whole.shape)))


def _told(what: str, forces: np.ndarray) -> str:
    rms, largest = 1000 * np.sqrt(np.mean(forces**2)), 1000 * np.linalg.norm(forces, axis=1).max()
    return f"{what}: RMS of a component {rms:.2f}, largest force {largest:.2f} meV/A"


if __name__ == "__main__":
    main()
