"""Options that several commands of ``moe-ipi`` have."""

from __future__ import annotations

from typing import Annotated

import typer

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
