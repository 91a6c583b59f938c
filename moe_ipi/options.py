"""Options that several commands of ``moe-ipi`` have."""

from __future__ import annotations

import re
from typing import Annotated

import typer


def seconds(text: str) -> float:
    """A time that a user gives: seconds, ``MM:SS``, ``HH:MM:SS`` or Slurm's ``D-HH:MM:SS``.

    Raises:
        typer.BadParameter: it is none of these, or not positive.
    """
    found = re.fullmatch(r"(?:(?:(\d+)-)?(\d+):)?(\d+):(\d+)|(\d+(?:\.\d+)?)", text.strip())
    if found is None:
        raise typer.BadParameter(f"'{text}' is no time: give seconds, or HH:MM:SS")
    days, hours, minutes, rest, plain = (float(group or 0) for group in found.groups())
    total = plain + rest + 60 * (minutes + 60 * (hours + 24 * days))
    if total <= 0:
        raise typer.BadParameter(f"'{text}' is no time at all: give seconds, or HH:MM:SS")
    return total


ConfigOption = Annotated[
    str, typer.Option("-c", "--config", metavar="FILE|NAME", help="A moe.toml, or a shipped pair such as pt-co.")
]
DeviceOption = Annotated[str | None, typer.Option(help="cpu, cuda or cuda:N; default: as in the config.")]
CompileOption = Annotated[
    bool | None,
    typer.Option("--compile/--no-compile", help="Compile the models with AOTInductor; default: as in the config."),
]
StallTimeoutOption = Annotated[
    float | None,
    typer.Option(
        min=0.1,
        metavar="SECONDS",
        help="Replace a driver that takes longer for an answer, or end the run; default: 'run.stall_timeout' of "
        "the config, else only say who is waited for.",
    ),
]
WalltimeOption = Annotated[
    float | None,
    typer.Option(
        parser=seconds,
        metavar="TIME",
        help="Seconds or HH:MM:SS after which the run has ended, with a RESTART (exit status 75).",
    ),
]
InetOption = Annotated[
    bool,
    typer.Option("--inet", help="Listen for drivers on other hosts: TCP, at a free port, whatever the input says."),
]
ContinueOption = Annotated[
    bool,
    typer.Option("--continue", help="From the newest RESTART or checkpoint in the folder, if there is one."),
]
