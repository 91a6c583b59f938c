"""All that this package takes from NequIP beyond its public interface, in one file for the next version of it.

Public is what NequIP's documentation names.  What follows was read in NequIP 0.19.1.
"""

from __future__ import annotations

import contextlib
import logging
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from nequip.data import AtomicDataDict
from nequip.nn import graph_model
from nequip.nn._graph_mixin import GraphModuleMixin
from nequip.train.lightning import _SOLE_MODEL_KEY as SOLE_MODEL_KEY
from nequip.utils.global_state import TF32_KEY, set_global_state

__all__ = [
    "SOLE_MODEL_KEY",
    "GraphModuleMixin",
    "before_export",
    "fetched",
    "load_compiled",
    "load_saved",
    "outside_of_workflow",
    "package_loader",
    "quiet",
    "register_target",
    "target_name",
]


def load_compiled(path: Path, device: torch.device) -> tuple[Any, dict[str, Any]]:
    """A model compiled with AOTInductor, and its metadata; raises whatever NequIP raises."""
    from nequip.model.inference_models import load_aotinductor_model

    with quiet():
        set_global_state()
        model, metadata = load_aotinductor_model(str(path), device)
        # TF32 is a matter of the process, not of the artifact.
        set_global_state(allow_tf32=bool(int(metadata.get(TF32_KEY, 0))))
    return model, metadata


def package_loader(model: Any) -> Any:
    """torch's own loader below a model of :func:`load_compiled`."""
    return model.model.loader


def load_saved(path: Path) -> dict[str, graph_model.GraphModel]:
    """All models of a package or checkpoint by name; raises whatever NequIP raises."""
    from nequip.model.saved_models import load_saved_model

    with quiet():
        set_global_state()
        return dict(load_saved_model(str(path), model_key=None).items())


def fetched(name: str) -> Path:
    """Where a model of nequip.net is after it was downloaded, if need be; raises whatever NequIP raises."""
    from nequip.model.saved_models.load_utils import _get_model_file_path

    with quiet(), _get_model_file_path(name) as path:
        return Path(path)


@contextlib.contextmanager
def outside_of_workflow() -> Iterator[None]:
    """Models are built as anywhere else: ``nequip-package`` would read every package from the file of the first."""
    from nequip.scripts._workflow_utils import get_workflow_state, set_workflow_state

    state = get_workflow_state()
    set_workflow_state(None)
    try:
        yield
    finally:
        set_workflow_state(state)


def target_name(inputs: list[str], outputs: list[str]) -> str | None:
    """The name of NequIP's compile target with these inputs and outputs."""
    from nequip.scripts._compile_utils import COMPILE_TARGET_DICT

    for name, target in COMPILE_TARGET_DICT.items():
        if (list(target["input"]), list(target["output"])) == (inputs, outputs):
            return str(name)
    return None


def register_target(name: str, inputs: list[str], outputs: list[str]) -> None:
    """Let ``nequip-compile`` compile for a target that takes edge vectors."""
    from nequip.nn.utils import with_edge_vectors_
    from nequip.scripts._compile_utils import (
        register_compile_targets,
        single_frame_batch_map_settings,
        single_frame_data_settings,
    )

    def with_vectors(data: AtomicDataDict.Type) -> AtomicDataDict.Type:
        return with_edge_vectors_(single_frame_data_settings(data), with_lengths=False)

    register_compile_targets(
        {
            name: {
                "input": inputs,
                "output": outputs,
                "batch_map_settings": single_frame_batch_map_settings,
                "data_settings": with_vectors,
            }
        }
    )


@contextlib.contextmanager
def before_export(change: Callable[[Any], Any]) -> Iterator[None]:
    """What ``nequip-compile`` exports is what ``change`` makes of the model."""
    from nequip.scripts import compile as script

    modify = script.modify
    script.modify = lambda model, modifiers: change(modify(model, modifiers))
    try:
        yield
    finally:
        script.modify = modify


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """NequIP and torch talk at length while they load a model; errors still come as exceptions."""
    previous = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(previous)
