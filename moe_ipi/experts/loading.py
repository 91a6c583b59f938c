"""From an expert's table in the config to an expert."""

from __future__ import annotations

from moe_ipi.config import ComputeConfig, ExpertConfig, FinnisSinclairExpert
from moe_ipi.experts.expert import Expert
from moe_ipi.experts.finnis_sinclair import FinnisSinclair


def load_expert(config: ExpertConfig, compute: ComputeConfig, *, name: str) -> Expert:
    """Load the expert that a config table describes.

    Args:
        config: the table ``[experts.NAME]``.
        compute: the table ``[compute]``: device, and how models are compiled.  The analytic expert needs none of it.
        name: its name, for messages.

    Raises:
        ModelError: the file cannot serve as an expert; the message says why and what to do.
    """
    if isinstance(config, FinnisSinclairExpert):
        return FinnisSinclair(config.parameters)
    # torch is slow to import
    from moe_ipi.experts.nequip.cache import CompileOptions
    from moe_ipi.experts.nequip.load import load_nequip_model

    return load_nequip_model(
        config.path,
        key=config.key,
        name=name,
        device=compute.device,
        compile=compute.compile,
        sha256=config.sha256,
        chunk=compute.chunk,
        options=CompileOptions(compute.tf32, compute.modifiers),
    )
