"""From a config to the experts of one rank."""

from __future__ import annotations

from moe_ipi.config import Config
from moe_ipi.experts.loading import load_pair
from moe_ipi.lammps.domain import Domain
from moe_ipi.lammps.ranks import Ranks


def load_domain(ranks: Ranks, config: Config, *, device: str | None = None, compile: bool | None = None) -> Domain:
    """Load the experts on every rank: the ranks of a machine share its cores, and take its GPUs in turn.

    Args:
        ranks: all of them call this.
        config: see :func:`moe_ipi.config.load_config`.
        device, compile: override the config's ``[compute]`` keys.

    Raises:
        SharedError: a model file cannot be used.
    """
    compute = config.compute
    compute = compute.model_copy(
        update={"threads": compute.threads or ranks.threads(), "device": ranks.device(device or compute.device)}
    )
    config = config.model_copy(update={"compute": compute})
    # The root first: what it compiles is there for the others.
    return ranks.root_first(lambda: Domain(*load_pair(config, compile=compile)))
