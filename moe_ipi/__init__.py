"""Two-expert machine-learned potentials for i-PI: one energy, exact forces, a fraction of the cost."""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from moe_ipi.calculator import MoECalculator
    from moe_ipi.config import Config, load_config
    from moe_ipi.errors import MoEError
    from moe_ipi.models import pretrained
    from moe_ipi.potential import Evaluation, MoEPotential

__version__ = version("moe-ipi")

_HOME = {
    "Config": "moe_ipi.config",
    "Evaluation": "moe_ipi.potential",
    "MoECalculator": "moe_ipi.calculator",
    "MoEError": "moe_ipi.errors",
    "MoEPotential": "moe_ipi.potential",
    "load_config": "moe_ipi.config",
    "pretrained": "moe_ipi.models",
}
__all__ = [*sorted(_HOME), "__version__"]


def __getattr__(name: str) -> Any:
    # Imported on first use: the command line answers --help without loading torch.
    if name not in _HOME:
        raise AttributeError(f"module 'moe_ipi' has no attribute '{name}'")
    return getattr(import_module(_HOME[name]), name)
