"""Building the two experts of a training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from hydra.utils import get_method
from nequip.nn import GraphModel, graph_model

from moe_ipi.errors import ModelError
from moe_ipi.experts.nequip.internals import outside_of_workflow
from moe_ipi.experts.nequip.packaged import with_installed_code

#: The experts' names in checkpoints and packages.
COMPLEX, BULK = "complex", "bulk"


def two_experts(complex: dict[str, Any], bulk: dict[str, Any], frozen: Sequence[str] = ()) -> torch.nn.ModuleDict:
    """Both models of a pair, as ``nequip-train`` builds one: from dictionaries with a ``_target_``.

    Args:
        complex, bulk: the models' configs.  One may name a checkpoint or a package of a pair
            (``nequip.model.ModelFromCheckpoint``, ``nequip.model.ModelFromPackage``): then that pair's expert is
            taken, or with ``key`` the model of that name.
        frozen: ``complex``, ``bulk`` or both: experts whose parameters stay what they are.

    Returns:
        A ``ModuleDict`` with the keys ``complex`` and ``bulk``, which ``nequip-compile --model KEY`` and
        ``nequip-package`` understand.

    Raises:
        ModelError: the models cannot form one energy: different type names or shifts, or trainable shifts.
    """
    models = torch.nn.ModuleDict({COMPLEX: _build(complex, COMPLEX), BULK: _build(bulk, BULK)})
    for key in frozen:
        models[key].requires_grad_(False)
    check_shared_reference(models[COMPLEX], models[BULK])
    return models


def _build(config: dict[str, Any], name: str) -> torch.nn.Module:
    config = dict(config)
    key = config.pop("key", name)
    with outside_of_workflow():
        model: torch.nn.Module = get_method(config.pop("_target_"))(**config)
    if isinstance(model, torch.nn.ModuleDict):
        if len(model) != 1 and key not in model:
            raise ModelError(f"the {name} expert's file holds {', '.join(model)}, none of which is '{key}'")
        model = model[key] if key in model else next(iter(model.values()))
    # One package holds one kind of code: that which is installed.
    return with_installed_code(model)


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
    shifts = [shifts_of(model, name) for name, model in ((COMPLEX, complex), (BULK, bulk))]
    if not torch.allclose(shifts[0], shifts[1], rtol=0.0, atol=1e-6):
        raise ModelError(
            f"both experts need the same per_type_energy_shifts (complex: {shifts[0].tolist()}; "
            f"bulk: {shifts[1].tolist()}); give both the same numbers"
        )


def shifts_of(model: GraphModel, name: str) -> torch.Tensor:
    """(types,) eV, float64: the fixed reference energies of a model.

    Args:
        model: of any origin.
        name: what to call it in messages.

    Raises:
        ModelError: it has none, or they are trained.
    """
    # By name: a packaged model has a class of its own.
    modules = [module for module in model.modules() if type(module).__name__ == "PerTypeScaleShift"]
    if len(modules) != 1:
        raise ModelError(f"the {name} expert needs per_type_energy_shifts: the same fixed numbers for both experts")
    shifts = modules[0].shifts
    if shifts.numel() == 0:
        shifts = shifts.new_zeros(1)
    if isinstance(shifts, torch.nn.Parameter) and shifts.requires_grad:
        raise ModelError(
            f"the {name} expert's energy shifts are trainable; set per_type_energy_shifts_trainable: false"
        )
    values: torch.Tensor = shifts.detach().double().flatten().expand(len(model.type_names)).clone()
    return values


def cutoff_of(model: GraphModel) -> float:
    """A model's cutoff, A."""
    return float(model.metadata[graph_model.R_MAX_KEY])
