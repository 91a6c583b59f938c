"""The command ``moe-ipi``.  Each command's work is in a module of its own, imported when the command runs."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from moe_ipi.distill.cli import distill
from moe_ipi.errors import MoEError
from moe_ipi.lammps import cli as lammps
from moe_ipi.memory import keep_freed_memory
from moe_ipi.options import (
    CompileOption,
    ConfigOption,
    ContinueOption,
    DeviceOption,
    InetOption,
    StallTimeoutOption,
    WalltimeOption,
)
from moe_ipi.validation.cli import validate

app = typer.Typer(
    no_args_is_help=True,
    # Rich's tables leave a terminal of 80 columns a fifth of it for the text, and cut long words.
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Two-expert potentials for i-PI: one energy, exact forces, a fraction of the cost.",
)

app.add_typer(lammps.app, name="lammps")
app.command()(distill)


class Engine(StrEnum):
    """What a driver computes with."""

    direct = "direct"
    lammps = "lammps"


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"moe-ipi {version('moe-ipi')}")
        raise typer.Exit


@app.callback()
def _global_options(
    debug: Annotated[bool, typer.Option("--debug", help="Print the Python traceback of errors.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    global _debug
    _debug = debug


_debug = False


@app.command()
def driver(
    config: ConfigOption,
    template: Annotated[
        Path | None,
        typer.Option(
            help="Structure that i-PI starts from: species and their order; default: 'template' of the config."
        ),
    ] = None,
    unix: Annotated[bool, typer.Option("-u", "--unix", help="Connect to a UNIX socket.")] = False,
    address: Annotated[
        str, typer.Option("-a", "--address", help="Host, or name of the UNIX socket: i-PI's <address>.")
    ] = "localhost",
    port: Annotated[int, typer.Option("-p", "--port", help="TCP port: i-PI's <port>.")] = 65535,
    shm: Annotated[bool, typer.Option("--shm", help="For <ffsocket mode='shm'>.")] = False,
    prefix: Annotated[
        str, typer.Option("-S", "--sockets-prefix", help="Prefix of UNIX sockets, as for i-pi -S.")
    ] = "/tmp/ipi_",
    device: DeviceOption = None,
    compile: CompileOption = None,
    connect_timeout: Annotated[
        float, typer.Option(min=0.0, help="Seconds during which an i-PI that does not listen yet is waited for.")
    ] = 60.0,
    reconnect: Annotated[
        bool, typer.Option("--reconnect", help="When i-PI has ended, wait as long for the next one at the same place.")
    ] = False,
    engine: Annotated[
        Engine, typer.Option(help="What computes: this process, or LAMMPS on all ranks of mpiexec.")
    ] = Engine.direct,
) -> None:
    """Serve forces to an i-PI that runs somewhere."""
    from moe_ipi.driver.address import Server

    if engine is Engine.lammps:
        from moe_ipi.lammps.driver import run_lammps_driver as serve
    else:
        from moe_ipi.driver.command import run_driver as serve

    # Shared memory comes with a UNIX socket.
    server = Server(address=address, port=None if unix or shm else port, shm=shm, prefix=prefix)
    serve(
        config,
        server,
        template,
        device=device,
        compile=compile,
        connect_timeout=connect_timeout,
        reconnect=reconnect,
    )


@app.command()
def run(
    input: Annotated[Path, typer.Argument(metavar="INPUT.xml", help="i-PI's input, or a RESTART or checkpoint of it.")],
    config: ConfigOption,
    drivers: Annotated[
        int, typer.Option("-n", "--drivers", min=0, help="Local drivers for each <ffsocket>; 0: start them yourself.")
    ] = 1,
    device: DeviceOption = None,
    compile: CompileOption = None,
    stall_timeout: StallTimeoutOption = None,
    walltime: WalltimeOption = None,
    inet: InetOption = False,
    go_on: ContinueOption = False,
    accept_changes: Annotated[
        bool,
        typer.Option(
            "--accept-changes",
            help="Continue a checkpoint also with other experts or regions than it was made with; the ledger says so.",
        ),
    ] = False,
) -> None:
    """Run i-PI and its drivers on this machine, together."""
    from moe_ipi.run.launch import run_simulation
    from moe_ipi.run.processes import start_of_this_process

    status = run_simulation(
        input,
        config,
        n_drivers=drivers,
        directory=Path.cwd(),
        device=device,
        compile=compile,
        stall_timeout=stall_timeout,
        walltime=walltime,
        started=start_of_this_process(),
        inet=inet,
        go_on=go_on,
        accept_changes=accept_changes,
    )
    raise typer.Exit(status)


@app.command(name="compile")
def compile_(config: ConfigOption, device: DeviceOption = None) -> None:
    """Compile the models ahead of a run, for this kind of machine."""
    from moe_ipi.ahead import compile_pair

    compile_pair(config, device=device)


app.command()(validate)


@app.command()
def regions(
    structure: Annotated[Path, typer.Argument(help="Atoms like those to be simulated; the first frame counts.")],
    config: ConfigOption,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE", help="extxyz with the expert of every atom.")
    ] = None,
    png: Annotated[Path | None, typer.Option("--png", metavar="FILE", help="A picture.")] = None,
    html: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="A page that shows the atoms in three dimensions.")
    ] = None,
    time: Annotated[
        bool, typer.Option("--time", help="Measure what the experts cost on these atoms, and so the speed.")
    ] = False,
    device: DeviceOption = None,
    compile: CompileOption = None,
) -> None:
    """Show which atoms the rules make complex, before a run."""
    from moe_ipi.look import look

    look(structure, config, output=output, png=png, html=html, time=time, device=device, compile=compile)


@app.command()
def trajectory(
    prefix: Annotated[Path, typer.Argument(help="Prefix of the run's files, with their folder.")],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="FILE", help="The extxyz.")],
    beads: Annotated[bool, typer.Option("--beads", help="A frame for every bead, not one for the centroid.")] = False,
    track: Annotated[
        str | None, typer.Option("--track", metavar="NAME", help="filename of the <trajectory>, if there are several.")
    ] = None,
) -> None:
    """Join positions and ledger in one extxyz for viewers."""
    from moe_ipi.trajectory.join import write_trajectory

    write_trajectory(prefix, output, beads=beads, track=track)


def _kinds(begun: str) -> list[str]:
    from moe_ipi.examples import available

    return [kind for kind in available() if kind.startswith(begun)]


@app.command()
def new(
    kind: Annotated[
        str | None,
        typer.Argument(metavar="KIND", help="Of run; without: they are listed.", autocompletion=_kinds),
    ] = None,
    directory: Annotated[Path | None, typer.Argument(metavar="DIR", help="A new folder; default: KIND.")] = None,
    config: Annotated[
        str | None,
        typer.Option("-c", "--config", metavar="FILE|NAME", help="Your moe.toml, instead of that of the shipped pair."),
    ] = None,
    structure: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Your structure (any file that ASE reads), instead of CO on Pt."),
    ] = None,
) -> None:
    """Write a runnable folder for one kind of run.

    It holds input, structure, moe.toml, and a README with what to type; nothing is overwritten.
    """
    from moe_ipi.new import new_folder

    for line in new_folder(kind, directory, config, structure):
        typer.echo(line)


@app.command()
def schema() -> None:
    """Print the JSON schema of moe.toml, for editors."""
    import json

    from moe_ipi.config.schema import json_schema

    typer.echo(json.dumps(json_schema(), indent=1))


@app.command()
def pes_path() -> None:
    """Print the path of the PES file for i-PI's own driver."""
    typer.echo(Path(__file__).parent / "driver" / "pes.py")


@app.command()
def demo(
    directory: Annotated[Path, typer.Argument(help="A folder for its files.")] = Path("moe-ipi-demo"),
    steps: Annotated[
        int | None, typer.Option(help="Number of time steps; default: what fits into two minutes.")
    ] = None,
) -> None:
    """Path-integral dynamics of CO on Pt(111) with the shipped pair."""
    from moe_ipi.demo import run_demo

    run_demo(directory, steps)


def main() -> None:
    """Entry point: errors are one line on stderr and exit status 1; wrong options 2; Ctrl-C 130."""
    keep_freed_memory()
    try:
        app(prog_name="moe-ipi")
    except MoEError as error:
        _fail(error, str(error))
    except Exception as error:
        text = " ".join(str(error).split()) or "no message"
        name = type(error).__name__
        _fail(error, f"unexpected {name}: {text[:300]}; run moe-ipi --debug {_command()}... for the traceback")


def _command() -> str:
    return " ".join(word for word in sys.argv[1:2] if not word.startswith("-")) + " "


def _fail(error: Exception, line: str) -> None:
    if _debug:
        raise error
    print(f"moe-ipi: error: {' '.join(line.split())}", file=sys.stderr, flush=True)
    sys.exit(1)


if __name__ == "__main__":
    main()
