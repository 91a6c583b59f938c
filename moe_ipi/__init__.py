"""Two-expert machine-learned potentials for i-PI: one energy, exact forces, a fraction of the cost."""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from moe_ipi.calculator import MoECalculator
    from moe_ipi.config import Config, load_config
    from moe_ipi.errors import MoEError
    from moe_ipi.ledger import read_ledger
    from moe_ipi.models import pretrained
    from moe_ipi.potential import Evaluation, MoEPotential

__version__ = version("moe-ipi")

__all__ = [
    "Config",
    "Evaluation",
    "MoECalculator",
    "MoEError",
    "MoEPotential",
    "__version__",
    "load_config",
    "pretrained",
    "read_ledger",
]

_HOME = {
    "Config": "config",
    "Evaluation": "potential",
    "MoECalculator": "calculator",
    "MoEError": "errors",
    "MoEPotential": "potential",
    "load_config": "config",
    "pretrained": "models",
    "read_ledger": "ledger",
}


def __getattr__(name: str) -> Any:
    # Imported on first use: the command line answers --help without loading torch.
    if name not in _HOME:
        raise AttributeError(f"module 'moe_ipi' has no attribute '{name}'")
    return getattr(import_module(f"moe_ipi.{_HOME[name]}"), name)
