"""The work behind ``moe-ipi run``: check everything first, then start i-PI and its drivers."""

from __future__ import annotations

import shlex
import time
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from moe_ipi.config import Config, ModelExpert, load_config
from moe_ipi.errors import ConfigError
from moe_ipi.files import write_whole
from moe_ipi.models import find_config
from moe_ipi.plugin.compatibility import check_compatible
from moe_ipi.plugin.ipi_input import InputError, IPIInput, read_input
from moe_ipi.run.endpoint import claim_outputs, free_endpoint, inet_endpoint
from moe_ipi.run.local_drivers import Drivers, gpus_to_share, threads_environment
from moe_ipi.run.restarts import newest_usable
from moe_ipi.run.supervisor import Supervisor
from moe_ipi.run.template import write_template

#: Seconds before the end of ``walltime`` at which i-PI is asked to stop, at most.
_ROOM = 60.0


def run_simulation(
    input: str | Path,
    config: str | Path,
    n_drivers: int = 1,
    *,
    directory: str | Path | None = None,
    device: str | None = None,
    compile: bool | None = None,
    stall_timeout: float | None = None,
    walltime: float | None = None,
    started: float | None = None,
    inet: bool = False,
    go_on: bool = False,
    accept_changes: bool = False,
    console: Console | None = None,
) -> int:
    """Run i-PI with local drivers to its end.

    Logs go to ``PREFIX.ipi.log`` and ``PREFIX.driver-K.log``, where PREFIX is i-PI's own prefix of output files.  An
    input may have several ``<ffsocket>``s, for multiple time stepping or ring-polymer contraction, say: each gets its
    own drivers, which log to ``PREFIX.NAME.driver-K.log``, NAME being that of the ``<ffsocket>``.  All of them are
    drivers of moe-ipi with this config, and take the species from ``PREFIX.template.xyz``.  Every assignment is a
    line of ``PREFIX.moe_ledger``; a continued run goes on with the assignment in its RESTART or checkpoint.  Where
    another run has the ``<address>`` of a UNIX socket, i-PI listens at ``<address>-2`` and so on.

    Args:
        input: i-PI's input, or a RESTART or checkpoint.
        config: a ``moe.toml``, or the name of a shipped pair.
        n_drivers: number of drivers for each ``<ffsocket>``; 0 leaves them to the user, who is told how: the commands
            are also the lines of ``PREFIX.moe_drivers`` while the run lasts.
        device: overrides ``compute.device``.
        compile: overrides ``compute.compile``.
        stall_timeout: seconds; overrides ``run.stall_timeout``.
        walltime: seconds after which the run has ended; i-PI is asked to stop a minute (or a fifth) earlier.
        started: time (of ``time.monotonic``) from which ``walltime`` counts; default: this call.
        inet: listen at a free TCP port of this host, whatever the input says.
        go_on: start from the newest RESTART or checkpoint in ``directory``, if there is one.
        accept_changes: continue a checkpoint also with other experts, regions or assignment than it was made with.
        directory: where i-PI runs, to which file names in the input are relative; default: the folder of the input.
        console: where progress is shown; default: standard output.

    Returns:
        0 when the run came to its end (an ``EXIT`` file or i-PI's ``<total_time>`` are ends, too), 130 when it was
        stopped by Ctrl-C, SIGTERM or SIGHUP, 75 (``EX_TEMPFAIL``) when ``walltime`` was over before its end.

    Raises:
        ConfigError: the config cannot be used, or does not fit the input.
        InputError: the input cannot be run, its port is taken, or another run writes the same files.
        StructureError: the atoms of the input are not elements.
        SimulationError: i-PI or a driver failed; all were stopped, and i-PI has written a RESTART if it could.
    """
    started = time.monotonic() if started is None else started
    console = console or Console()
    path = find_config(config)
    loaded = load_config(path)
    _check_config(loaded, path)
    input = Path(input).resolve()
    folder = Path(directory).resolve() if directory is not None else input.parent
    run = read_input(input, folder)
    if go_on and (newest := newest_usable(folder, run.prefix)) is not None:
        run = read_input(newest.path, folder)
        _say(console, [f"continues '{newest.path.name}' at step {newest.step}"])
    _check_folder(folder)
    notes = check_compatible(run, loaded)
    with ExitStack() as held:
        outputs = held.enter_context(claim_outputs(folder, run.prefix))
        run, more = _with_free_places(run, held, inet=inet)
        template = write_template(run, folder)
        _check_regions(loaded, template)
        _say(console, [*notes, *more])
        gpus = gpus_to_share(device or loaded.compute.device)
        plan = Drivers(n_drivers, path.resolve(), template, device, compile, gpus)
        if n_drivers == 0:
            commands = plan.commands(run)
            _say(console, [f"start drivers: {command}" for command in commands])
            _write_commands(folder / f"{run.prefix}.moe_drivers", commands, held)
        changed = {} if stall_timeout is None else {"stall_timeout": stall_timeout}
        settings = loaded.run.model_copy(update=changed)
        environment = threads_environment(loaded, n_drivers * len(run.servers))
        again = ["moe-ipi", "run", "RESTART", "-c", str(config), "-n", str(n_drivers), *plan.overrides()]
        again += [] if stall_timeout is None else ["--stall-timeout", f"{stall_timeout:g}"]
        again += [] if walltime is None else ["--walltime", f"{walltime:g}"]
        again += ["--inet"] if inet else []
        supervisor = Supervisor(
            run,
            folder,
            plan,
            settings,
            environment,
            console,
            accept_changes=accept_changes,
            held=[outputs.fileno()],
            stop_at=None if walltime is None else started + walltime - min(_ROOM, walltime / 5),
        )
        return supervisor.supervise(shlex.join(again))


def _say(console: Console, lines: Iterable[str]) -> None:
    for line in filter(None, lines):
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def _write_commands(path: Path, commands: list[str], held: ExitStack) -> None:
    """For scripts that start the drivers; all at once, and only as long as there is somebody to connect to."""
    try:
        write_whole(path, "".join(f"{command}\n" for command in commands))
    except OSError as error:
        raise InputError(f"cannot write '{path}': {error.strerror or error}") from error
    held.callback(path.unlink, missing_ok=True)


def _with_free_places(run: IPIInput, held: ExitStack, *, inet: bool) -> tuple[IPIInput, list[str]]:
    """The input with places where i-PI can listen, and lines for the user."""
    if inet:
        servers = tuple((name, inet_endpoint(server, held)) for name, server in run.servers)
        return replace(run, servers=servers), []
    found = [(name, *free_endpoint(server, held)) for name, server in run.servers]
    servers = tuple((name, server) for name, server, _ in found)
    return replace(run, servers=servers), [note for *_, note in found]


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
