"""The work behind ``moe-ipi compile``: whatever a first driver would have to wait for, now."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from moe_ipi.config import FinnisSinclairExpert, load_config
from moe_ipi.errors import ConfigError
from moe_ipi.models import find_config
from moe_ipi.threads import threads


def compile_pair(config: str | Path, *, device: str | None = None, log: Callable[[str], None] = print) -> None:
    """Compile the experts of a config and measure how many edges at once are best for them, both into the cache.

    Args:
        config: path of a ``moe.toml``, or the name of a shipped pair.
        device: overrides ``compute.device``.
        log: receives one line for each expert.

    Raises:
        ConfigError: the config cannot be used, or no expert can be compiled.
        ModelError: a model cannot serve as an expert, or cannot be compiled here.
    """
    loaded = load_config(find_config(config))
    tables = {"complex": loaded.experts.complex, "bulk": loaded.experts.bulk}
    if all(isinstance(table, FinnisSinclairExpert) for table in tables.values()):
        raise ConfigError(f"{config} has no model to compile: both experts are analytic")
    from moe_ipi.potential import MoEPotential  # imports torch

    potential = MoEPotential.from_config(loaded, (), device=device, compile=True)
    where = f"{device or loaded.compute.device}, {threads()} thread(s)"
    for name, table in tables.items():
        if isinstance(table, FinnisSinclairExpert):
            log(f"{name}: analytic, nothing to compile")
        else:
            log(f"{name}: compiled; {getattr(potential, name).chunk} edges at once are best ({where})")
    # numba's functions, too, are compiled at their first call and kept.
    common = [symbol for symbol in potential.complex.species if symbol in potential.bulk.species]
    if not common:
        return
    pair = potential.with_species(common[:1] * 4)
    corners = 4.0 * np.array([[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])
    pair.evaluate(corners[None], 4.0 * np.eye(3)[None], [True, True, False, False])
