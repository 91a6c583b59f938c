"""From an expert's table in the config to an expert."""

from __future__ import annotations

from moe_ipi.config import ExpertConfig, FinnisSinclairExpert
from moe_ipi.experts.expert import Expert
from moe_ipi.experts.finnis_sinclair import FinnisSinclair


def load_expert(config: ExpertConfig, *, name: str, device: str = "cpu", compile: bool = False) -> Expert:
    """Load the expert that a config table describes.

    Args:
        config: the table ``[experts.NAME]``.
        name: its name, for messages.
        device: ``cpu``, ``cuda`` or ``cuda:N``; the analytic expert always runs on the CPU.
        compile: compile with AOTInductor (cached); ignored by the analytic expert.

    Raises:
        ModelError: the file cannot serve as an expert; the message says why and what to do.
    """
    if isinstance(config, FinnisSinclairExpert):
        return FinnisSinclair(config.parameters)
    from moe_ipi.experts.nequip.load import load_nequip_model  # torch is slow to import

    return load_nequip_model(
        config.path, key=config.key, name=name, device=device, compile=compile, sha256=config.sha256
    )
