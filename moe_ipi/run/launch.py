"""The work behind ``moe-ipi run``: check everything first, then start i-PI and its drivers."""

from __future__ import annotations

import shlex
from pathlib import Path

from rich.console import Console

from moe_ipi.config import Config, ModelExpert, load_config
from moe_ipi.errors import ConfigError
from moe_ipi.models import find_config
from moe_ipi.plugin.compatibility import check_compatible
from moe_ipi.plugin.ipi_input import InputError, read_input
from moe_ipi.run.endpoint import free_endpoint
from moe_ipi.run.local_drivers import Drivers, gpus_to_share, threads_environment
from moe_ipi.run.supervisor import Supervisor
from moe_ipi.run.template import write_template


def run_simulation(
    input: str | Path,
    config: str | Path,
    n_drivers: int = 1,
    *,
    directory: str | Path | None = None,
    device: str | None = None,
    compile: bool | None = None,
    stall_timeout: float | None = None,
    accept_changes: bool = False,
    console: Console | None = None,
) -> int:
    """Run i-PI with local drivers to its end.

    Logs go to ``PREFIX.ipi.log`` and ``PREFIX.driver-K.log``, where PREFIX is i-PI's own prefix of output files.  An
    input may have several ``<ffsocket>``s, for multiple time stepping or ring-polymer contraction, say: each gets its
    own drivers, which log to ``PREFIX.NAME.driver-K.log``, NAME being that of the ``<ffsocket>``.  All of them are
    drivers of moe-ipi with this config, and take the species from ``PREFIX.template.xyz``.  Every assignment is a
    line of ``PREFIX.moe_ledger``; a continued run goes on with the assignment in its RESTART or checkpoint.

    Args:
        input: i-PI's input, or a RESTART or checkpoint.
        config: a ``moe.toml``, or the name of a shipped pair.
        n_drivers: number of drivers for each ``<ffsocket>``; 0 leaves them to the user, who is told how.
        device: overrides ``compute.device``.
        compile: overrides ``compute.compile``.
        stall_timeout: seconds; overrides ``run.stall_timeout``.
        accept_changes: continue a checkpoint also with other experts, regions or assignment than it was made with.
        directory: where i-PI runs, to which file names in the input are relative; default: the folder of the input.
        console: where progress is shown; default: standard output.

    Returns:
        0 when the run came to its end (an ``EXIT`` file or i-PI's ``<total_time>`` are ends, too), 130 when it was
        stopped by Ctrl-C, SIGTERM or SIGHUP.

    Raises:
        ConfigError: the config cannot be used, or does not fit the input.
        InputError: the input cannot be run, or the place where i-PI would listen is taken.
        StructureError: the atoms of the input are not elements.
        SimulationError: i-PI or a driver failed; all were stopped, and i-PI has written a RESTART if it could.
    """
    console = console or Console()
    path = find_config(config)
    loaded = load_config(path)
    _check_config(loaded, path)
    input = Path(input).resolve()
    folder = Path(directory).resolve() if directory is not None else input.parent
    run = read_input(input, folder)
    _check_folder(folder)
    notes = [*check_compatible(run, loaded), *(free_endpoint(server) for _, server in run.servers)]
    template = write_template(run, folder)
    _check_regions(loaded, template)
    for line in filter(None, notes):
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    gpus = gpus_to_share(device or loaded.compute.device)
    plan = Drivers(n_drivers, path.resolve(), template, device, compile, gpus)
    if n_drivers == 0:
        for command in plan.commands(run):
            console.print(f"start drivers: {command}", markup=False, highlight=False, soft_wrap=True)
    changed = {} if stall_timeout is None else {"stall_timeout": stall_timeout}
    settings = loaded.run.model_copy(update=changed)
    environment = threads_environment(loaded, n_drivers * len(run.servers))
    again = shlex.join(["moe-ipi", "run", "RESTART", "-c", str(config), "-n", str(n_drivers), *plan.overrides()])
    if stall_timeout is not None:
        again += f" --stall-timeout {stall_timeout:g}"
    supervisor = Supervisor(run, folder, plan, settings, environment, console, accept_changes=accept_changes)
    return supervisor.supervise(again)


def _check_config(config: Config, path: Path) -> None:
    for name, expert in (("complex", config.experts.complex), ("bulk", config.experts.bulk)):
        if isinstance(expert, ModelExpert) and not expert.remote and not expert.path.is_file():
            raise ConfigError(f"{path}: experts.{name}.path: there is no file '{expert.path}'; correct the path")


def _check_folder(folder: Path) -> None:
    if (folder / "EXIT").exists():
        raise InputError(f"there is a file 'EXIT' in '{folder}', at which i-PI stops at once: remove it")


def _check_regions(config: Config, template: Path) -> None:
    from moe_ipi.regions.partitioner import Partitioner
    from moe_ipi.structure import read_template

    Partitioner(config.regions, read_template(template).get_chemical_symbols())
