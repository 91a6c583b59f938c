"""The work behind ``mpiexec moe-ipi driver --engine lammps``: a driver of i-PI whose image is spread over ranks."""

from __future__ import annotations

from pathlib import Path

from moe_ipi.driver.address import Server
from moe_ipi.driver.client import run_client
from moe_ipi.driver.command import loaded_with_template, sigterm_as_exit
from moe_ipi.driver.evaluator import Evaluator
from moe_ipi.driver.log import Log, log_to_stderr
from moe_ipi.lammps.loading import load_domain
from moe_ipi.lammps.potential import DistributedPotential
from moe_ipi.lammps.ranks import Ranks, on_all_ranks
from moe_ipi.lammps.signals import leave_to_root
from moe_ipi.structure import read_template


def run_lammps_driver(
    config: str | Path,
    server: Server,
    template: str | Path | None = None,
    *,
    device: str | None = None,
    compile: bool | None = None,
    connect_timeout: float = 60.0,
    reconnect: bool = False,
    log: Log = log_to_stderr,
) -> int:
    """Serve i-PI as :func:`moe_ipi.driver.command.run_driver` does, on the ranks that ``mpiexec`` has started.

    The root is the driver that i-PI sees: whatever comes with a structure (assignment, energy, probe) is answered as by
    any other driver.  The other ranks compute with it.

    Args:
        config, server, template, device, compile, connect_timeout, reconnect, log: see there.

    Returns:
        The number of structures that were evaluated, on the root.

    Raises:
        MoEError: on the root, see there; the other ranks end with it.
    """

    def work(ranks: Ranks) -> int:
        loaded, path = ranks.together(lambda: loaded_with_template(config, template))
        atoms = ranks.together(lambda: read_template(path))
        domain = load_domain(ranks, loaded, device=device, compile=compile)
        potential = ranks.together(lambda: DistributedPotential(ranks, domain, atoms.get_chemical_symbols()))
        if not ranks.root:
            leave_to_root()
            potential.serve()
            return 0
        log(f"LAMMPS on {ranks.size} ranks")
        with sigterm_as_exit(), potential:
            evaluator = Evaluator.from_config(loaded, atoms, log=log, potential=potential)
            evaluator.warm_up()
            return run_client(server, evaluator, connect_timeout=connect_timeout, reconnect=reconnect, log=log)

    return on_all_ranks(work)
