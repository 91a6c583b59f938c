"""The commands ``moe-ipi lammps ...``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from moe_ipi.options import CompileOption, ConfigOption, DeviceOption

app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Images too large for one machine, on LAMMPS and MPI."
)


@app.command()
def data(
    structure: Annotated[Path, typer.Argument(metavar="STRUCTURE", help="Any file that can be a driver's template.")],
    config: ConfigOption,
    output: Annotated[Path, typer.Option("-o", "--output", help="The data file.")] = Path("data.lmp"),
) -> None:
    """Write a structure as a data file, with elements and experts."""
    from moe_ipi.lammps.data import run_data

    for line in run_data(structure, config, output):
        typer.echo(line)


@app.command(name="run")
def lammps_run(
    script: Annotated[Path, typer.Argument(metavar="SCRIPT", help="An input of LAMMPS with pair_style moe.")],
    config: ConfigOption,
    options: Annotated[
        list[str] | None, typer.Argument(metavar="[-- OPTIONS]", help="Of LAMMPS, such as -var T 300.")
    ] = None,
    device: DeviceOption = None,
    compile: CompileOption = None,
    balance: Annotated[
        str,
        typer.Option(
            metavar="auto|off|RATIO",
            help="Divide space by what atoms cost: as measured, not at all, or RATIO bulk atoms for a complex atom.",
        ),
    ] = "auto",
) -> None:
    """Run a script of LAMMPS with both experts.

    mpiexec -n RANKS moe-ipi lammps run SCRIPT -c CONFIG
    """
    from moe_ipi.lammps.command import run_script

    run_script(script, config, options or (), device=device, compile=compile, balance=balance)


@app.command()
def mliap(
    config: ConfigOption,
    output: Annotated[Path, typer.Option("-o", "--output", help="The object, *.pkl.")] = Path("moe.pkl"),
    device: DeviceOption = None,
    compile: CompileOption = None,
) -> None:
    """Write both experts as an object for pair_style mliap unified.

    It is for LAMMPS that you have built with ML-IAP and Python.
    """
    from moe_ipi.lammps.mliap import run_mliap

    for line in run_mliap(config, output, device=device, compile=compile):
        typer.echo(line)
