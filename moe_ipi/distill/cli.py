"""The command ``moe-ipi distill``."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

_MODEL = "Checkpoint, package (.nequip.zip) or nequip.net:GROUP/MODEL:VERSION."


class Report(StrEnum):
    """How much of the validation is made."""

    full = "full"
    quick = "quick"
    none = "none"


def distill(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help=_MODEL)],
    structures: Annotated[list[Path], typer.Argument(metavar="STRUCTURES", help="Frames, without labels.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="A folder for the pair.")] = Path("pair"),
    species: Annotated[
        str | None, typer.Option(metavar="C,O", help="Elements around which atoms are complex; default: none are.")
    ] = None,
    radius: Annotated[float, typer.Option(min=0.0, help="A, of the complex regions around them.")] = 4.5,
    crystal: Annotated[
        str | None,
        typer.Option(
            metavar="Pt,fcc,3.977",
            help="Crystal that both experts must agree on: so, a structure file, or none; default: that of the other "
            "element, if there is one. Without the lattice parameter (A) the model's.",
        ),
    ] = None,
    key: Annotated[str | None, typer.Option(help="Name of the model in a file with several.")] = None,
    steps: Annotated[int, typer.Option(min=1, help="Steps of the training.")] = 10_000,
    cutoff: Annotated[
        float | None, typer.Option(min=1.0, help="A, of the bulk expert; default: the model's, and best so.")
    ] = None,
    layers: Annotated[int, typer.Option(min=1, help="Layers of the bulk expert.")] = 1,
    l_max: Annotated[int, typer.Option("--l-max", min=0, help="Its degree.")] = 2,
    features: Annotated[int, typer.Option(min=2, help="Its scalar features; half as many tensor features.")] = 24,
    copies: Annotated[
        int | None, typer.Option(min=0, help="Strained and shaken copies of each; default: 1,000 frames altogether.")
    ] = None,
    strain: Annotated[float, typer.Option(min=0.0, max=0.3, help="Largest strain of the copies.")] = 0.03,
    rattle: Annotated[
        float, typer.Option(min=0.0, help="A, largest displacement of their atoms (standard dev.).")
    ] = 0.12,
    batch: Annotated[int | None, typer.Option(min=1, help="Frames in a step; default: about 50 atoms.")] = None,
    seed: Annotated[int, typer.Option(help="Of everything random.")] = 1,
    compile: Annotated[
        bool,
        typer.Option(
            "--compile",
            help="Compile the experts for the training: takes two minutes once, needs g++; steps are 1.7 times faster.",
        ),
    ] = False,
    report: Annotated[Report, typer.Option(help="Of the validation at the end.")] = Report.quick,
) -> None:
    """Make a cheap bulk expert for a model that you have."""
    from moe_ipi.distill.command import Wishes
    from moe_ipi.distill.command import distill as work
    from moe_ipi.distill.recipe import Size

    size = Size(cutoff, layers, l_max, features, features // 2, steps, batch, seed, compile)
    wishes = Wishes(
        key=key,
        species=tuple(s.strip() for s in species.split(",")) if species else (),
        radius=radius,
        crystal=crystal,
        size=size,
        copies=copies,
        strain=strain,
        rattle=rattle,
        report=report.value,
    )
    work(model, structures, output, wishes)
