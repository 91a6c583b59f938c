"""Models in packages and checkpoints of NequIP."""

from __future__ import annotations

from pathlib import Path

import torch
from nequip.nn import graph_model

from moe_ipi.errors import ModelError, one_line
from moe_ipi.experts.nequip.expert import NequipExpert, Reload
from moe_ipi.experts.nequip.internals import SOLE_MODEL_KEY, load_saved
from moe_ipi.experts.nequip.module import expert_from_module


def saved_expert(path: Path, key: str | None, name: str, device: torch.device, again: Reload) -> NequipExpert:
    """An eager expert from a file; errors as for :func:`saved_module` and :func:`expert_from_module`."""
    return expert_from_module(saved_module(path, key, name)[0], name=name, device=device, again=again)


def checked_name(path: Path, key: str | None, name: str) -> str:
    """The name of a model in its file, after it was found to be an expert; errors as for :func:`saved_expert`."""
    module, found = saved_module(path, key, name)
    expert_from_module(module, name=name)
    return found


def saved_module(path: Path, key: str | None, name: str) -> tuple[graph_model.GraphModel, str]:
    """The model in a package or checkpoint, and its name there."""
    try:
        models = load_saved(path)
    except Exception as error:
        raise ModelError(
            f"cannot load the {name} expert {path}: {one_line(error)}; it must be a NequIP package "
            "(.nequip.zip), a training checkpoint (.ckpt) or a compiled model (.nequip.pt2)"
        ) from error
    available = list(models)
    wanted = key if key is not None else (available[0] if len(available) == 1 else SOLE_MODEL_KEY)
    if wanted not in available:
        raise ModelError(
            f"{path} holds the models {', '.join(available)}; set experts.{name}.key to one of them"
            + (f" (got '{key}')" if key is not None else "")
        )
    return models[wanted], wanted
