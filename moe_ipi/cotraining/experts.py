"""Building the two experts of a training."""

from __future__ import annotations

from typing import Any

import torch
from hydra.utils import get_method
from nequip.nn import GraphModel, PerTypeScaleShift, graph_model

from moe_ipi.errors import ModelError

#: The experts' names in checkpoints and packages.
COMPLEX, BULK = "complex", "bulk"


def two_experts(complex: dict[str, Any], bulk: dict[str, Any]) -> torch.nn.ModuleDict:
    """Both models of a pair, as ``nequip-train`` builds one: from dictionaries with a ``_target_``.

    Args:
        complex, bulk: the models' configs.  One may name a checkpoint of a pair (``nequip.model.ModelFromCheckpoint``):
            then that pair's expert is taken.

    Returns:
        A ``ModuleDict`` with the keys ``complex`` and ``bulk``, which ``nequip-compile --model KEY`` and
        ``nequip-package`` understand.

    Raises:
        ModelError: the models cannot form one energy: different type names or shifts, or trainable shifts.
    """
    models = torch.nn.ModuleDict({COMPLEX: _build(complex, COMPLEX), BULK: _build(bulk, BULK)})
    check_shared_reference(models[COMPLEX], models[BULK])
    return models


def _build(config: dict[str, Any], key: str) -> torch.nn.Module:
    config = dict(config)
    model: torch.nn.Module = get_method(config.pop("_target_"))(**config)
    if isinstance(model, torch.nn.ModuleDict):
        if len(model) != 1 and key not in model:
            raise ModelError(f"the {key} expert's checkpoint holds {', '.join(model)}, none of which is '{key}'")
        model = model[key] if key in model else next(iter(model.values()))
    return model


def check_shared_reference(complex: GraphModel, bulk: GraphModel) -> None:
    """An atom that changes expert must keep its reference energy.

    Raises:
        ModelError: it would not; the message says why.
    """
    if list(complex.type_names) != list(bulk.type_names):
        raise ModelError(
            f"both experts need the same type_names in the same order (complex: {' '.join(complex.type_names)}; "
            f"bulk: {' '.join(bulk.type_names)})"
        )
    shifts = [_shifts(model, name) for name, model in ((COMPLEX, complex), (BULK, bulk))]
    if not torch.allclose(shifts[0], shifts[1], rtol=0.0, atol=1e-6):
        raise ModelError(
            f"both experts need the same per_type_energy_shifts (complex: {shifts[0].tolist()}; "
            f"bulk: {shifts[1].tolist()}); give both the same numbers"
        )


def _shifts(model: GraphModel, name: str) -> torch.Tensor:
    modules = [module for module in model.modules() if isinstance(module, PerTypeScaleShift)]
    if len(modules) != 1 or modules[0].shifts is None:
        raise ModelError(f"the {name} expert needs per_type_energy_shifts: the same fixed numbers for both experts")
    shifts = modules[0].shifts
    if isinstance(shifts, torch.nn.Parameter) and shifts.requires_grad:
        raise ModelError(
            f"the {name} expert's energy shifts are trainable; set per_type_energy_shifts_trainable: false"
        )
    values: torch.Tensor = shifts.detach().double().flatten().expand(len(model.type_names)).clone()
    return values


def cutoff_of(model: GraphModel) -> float:
    """A model's cutoff, A."""
    return float(model.metadata[graph_model.R_MAX_KEY])
