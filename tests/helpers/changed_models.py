"""What a model computes before and after a change of its parts."""

from __future__ import annotations

from collections.abc import Callable

import torch

from moe_ipi.experts.nequip.chunk import crystal_like
from moe_ipi.experts.nequip.module import expert_from_module
from moe_ipi.typing import FloatArray

Results = tuple[FloatArray, FloatArray]


def before_and_after(
    model: torch.nn.Module, change: Callable[[torch.nn.Module], torch.nn.Module]
) -> tuple[Results, Results]:
    """Energies and gradients of 500 edges of a crystal; the model is changed in place."""
    expert = expert_from_module(model)
    environments = crystal_like(expert, 500)
    before = expert.evaluate(environments)
    return before, expert_from_module(change(model)).evaluate(environments)


def number_of(kind: type, model: torch.nn.Module) -> int:
    """How many parts of a model are of a class."""
    return sum(isinstance(module, kind) for module in model.modules())
