"""The command ``moe-ipi validate``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from moe_ipi.options import CompileOption, ConfigOption, DeviceOption


def _check_keys() -> list[str]:
    """Keys of the validation's checks: the names of their files, so that asking for help imports none of them."""
    return sorted(path.stem for path in (Path(__file__).parent / "checks").glob("[a-z]*.py"))


def validate(
    config: ConfigOption,
    structure: Annotated[
        Path | None,
        typer.Option(help="Atoms like those to be simulated; default: the config's template, else a labelled frame."),
    ] = None,
    labels: Annotated[
        Path | None, typer.Option(help="extxyz with energies and forces; default: 'validation.labels' of the config.")
    ] = None,
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder of report.html and report.json.")] = Path(
        "validation"
    ),
    only: Annotated[
        str | None,
        typer.Option(metavar="KEYS", help=f"Only these of {', '.join(_check_keys())} (separated by commas)."),
    ] = None,
    skip: Annotated[str | None, typer.Option(metavar="KEYS", help="All but these.")] = None,
    compare: Annotated[
        list[str] | None,
        typer.Option(metavar="LABEL=CONFIG", help="Another pair, whose agreement is shown beside this one's."),
    ] = None,
    reference: Annotated[
        str | None,
        typer.Option(
            metavar="MODULE:FUNCTION",
            help="Measure crystals also with the model that made the labels: a function (of a module or FILE.py) that "
            "returns an ASE calculator.",
        ),
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Small cells and short runs: a first look, which judges less.")
    ] = False,
    device: DeviceOption = None,
    compile: CompileOption = None,
) -> None:
    """Measure whether a pair may be trusted.

    The exit status is 1 if a check fails.
    """
    from moe_ipi.validation.command import Options, run_validate

    options = Options(
        structure=structure,
        labels=labels,
        output=output,
        only=only,
        skip=skip,
        compare=compare or (),
        reference=reference,
        quick=quick,
        device=device,
        compile=compile,
    )
    passed = run_validate(config, options)
    raise typer.Exit(0 if passed else 1)
