"""The work behind ``moe-ipi lammps run``: a script of LAMMPS whose ``pair_style moe`` has both experts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from moe_ipi.config import Config, load_config
from moe_ipi.errors import ConfigError
from moe_ipi.lammps.balance import ScriptBalance, checked_balance
from moe_ipi.lammps.engine import Engine
from moe_ipi.lammps.loading import load_domain
from moe_ipi.lammps.ranks import Ranks, on_all_ranks
from moe_ipi.lammps.segments import Segments
from moe_ipi.lammps.signals import ends_at_once
from moe_ipi.models import find_config


def run_script(
    script: Path,
    config: str,
    options: Sequence[str] = (),
    *,
    device: str | None = None,
    compile: bool | None = None,
    balance: str = "auto",
) -> None:
    """Run a script on the ranks that ``mpiexec`` has started.

    Args:
        script: of LAMMPS, with ``pair_style moe`` and ``pair_coeff * * ELEMENTS``.
        config: path of the ``moe.toml``, or the name of a shipped pair.
        options: of LAMMPS's command line.
        device, compile: override the config's ``[compute]`` keys.
        balance: how space is divided among the ranks, see :func:`moe_ipi.lammps.balance.checked_balance`.

    Raises:
        MoEError: on the root; the other ranks end with status 1.
    """

    def work(ranks: Ranks) -> None:
        dividing = ScriptBalance(ranks, ranks.together(lambda: checked_balance(balance)))
        loaded = ranks.together(lambda: _checked(script, config))
        domain = load_domain(ranks, loaded, device=device, compile=compile)
        segments = Segments(ranks, loaded, script.stem)
        arguments = ["-nocite", *options]

        def on_run(when: int) -> None:
            segments.on_run(when)
            if when == 0:
                dividing.begin(engine)

        engine = Engine(ranks, domain, arguments, steps=segments.steps, reassign=on_run)
        segments.take(engine)
        with ends_at_once():
            engine.script(str(script))
        segments.finish()
        engine.close()

    on_all_ranks(work)


def _checked(script: Path, config: str) -> Config:
    if not script.is_file():
        raise ConfigError(f"the script '{script}' is not a file: give the path of an input of LAMMPS")
    loaded = load_config(find_config(config))
    if loaded.segments.segment_steps and loaded.segments.reassignment == "gibbs":
        raise ConfigError(
            'segments.reassignment: "gibbs" needs i-PI (moe-ipi run); write "rules", or segment_steps = 0 for a fixed '
            "assignment"
        )
    if loaded.segments.segment_steps and any(getattr(rule, "average", False) for rule in loaded.regions.rules):
        raise ConfigError(
            "regions.rules: average = true needs i-PI (moe-ipi run); remove it (dwell and hysteresis are there)"
        )
    return loaded
