"""On ranks: something fails on the last one alone."""

from __future__ import annotations

import sys

import numpy as np

from moe_ipi.errors import MoEError, StructureError
from moe_ipi.experts.finnis_sinclair import FinnisSinclair
from moe_ipi.frames import frames_of
from moe_ipi.lammps.domain import Domain
from moe_ipi.lammps.potential import DistributedPotential
from moe_ipi.lammps.ranks import Ranks, on_all_ranks
from tests.helpers.structures import co_on_pt


def work(ranks: Ranks) -> None:
    fails = ranks.rank == ranks.size - 1
    if sys.argv[1] == "rank" and fails:
        raise StructureError("only here")
    ranks.comm.barrier()
    atoms = co_on_pt((3, 3, 3))
    domain = Domain(FinnisSinclair("complex"), FinnisSinclair("bulk"))
    if fails:
        error = {"expert": StructureError("no energy"), "bug": KeyError("bug")}[sys.argv[1]]

        def evaluate(*arguments: object) -> None:
            raise error

        domain.evaluate = evaluate
    potential = DistributedPotential(ranks, domain, atoms.get_chemical_symbols())
    if not ranks.root:
        potential.serve()
        return
    with potential:
        potential.evaluate_frames(frames_of(atoms), np.zeros(len(atoms), bool))


if __name__ == "__main__":
    try:
        on_all_ranks(work)
    except MoEError as error:
        print(f"moe-ipi: error: {error}", file=sys.stderr)
        sys.exit(1)
