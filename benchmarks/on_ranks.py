"""On ranks: a script of LAMMPS whose evaluations are timed; the root prints what each rank has measured.

Arguments: config, balance, number of last steps that count, threads of each rank.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from unittest import mock

from moe_ipi.lammps import domain
from moe_ipi.lammps.command import run_script
from moe_ipi.lammps.domain import Domain
from moe_ipi.lammps.ranks import Ranks


def main() -> None:
    config, balance, steps, threads = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    ends: list[float] = []
    spent: list[float] = []
    evaluate, experts = Domain.evaluate, domain.evaluate_in_chunks

    def timed_experts(*arguments: object) -> object:
        start = time.perf_counter()
        try:
            return experts(*arguments)
        finally:
            spent[-1] += time.perf_counter() - start

    def timed(self: Domain, *arguments: object) -> object:
        spent.append(0.0)
        try:
            return evaluate(self, *arguments)
        finally:
            ends.append(time.perf_counter())

    with (
        mock.patch.object(Domain, "evaluate", timed),
        mock.patch.object(domain, "evaluate_in_chunks", timed_experts),
        mock.patch.object(Ranks, "threads", lambda self: threads),
    ):
        run_script(Path("in.lmp"), config, ("-log", "none", "-screen", "none"), compile=True, balance=balance)
    from mpi4py import MPI

    mine = ((ends[-1] - ends[-1 - steps]) / steps, sum(spent[-steps:]) / steps)
    found = MPI.COMM_WORLD.gather(mine)
    if found is not None:
        print(json.dumps({"steps": [each[0] for each in found], "experts": [each[1] for each in found]}))


if __name__ == "__main__":
    main()
