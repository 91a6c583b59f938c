"""From a NequIP-framework model file to an expert: packages, checkpoints, compiled models."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import torch
from nequip.nn import graph_model

from moe_ipi.errors import ModelError
from moe_ipi.experts.nequip.archive import check_archive, check_digest, digest
from moe_ipi.experts.nequip.artifacts import load_artifact
from moe_ipi.experts.nequip.cache import PLAIN, CompileOptions, compiled_model
from moe_ipi.experts.nequip.chunk import remembered_chunk
from moe_ipi.experts.nequip.expert import NequipExpert, Reload, expert_from_module
from moe_ipi.experts.nequip.internals import SOLE_MODEL_KEY, load_saved, one_line


def load_nequip_model(
    path: Path,
    *,
    key: str | None = None,
    name: str = "model",
    device: str = "cpu",
    compile: bool = False,
    sha256: str | None = None,
    chunk: int | None = None,
    options: CompileOptions = PLAIN,
) -> NequipExpert:
    """Load a NequIP-framework model file as an expert.

    Args:
        path: ``*.nequip.zip`` (package), ``*.nequip.pt2`` (compiled with AOTInductor) or a checkpoint.
        key: the model's name in a file that holds several.
        name: what to call the expert in messages.
        device: ``cpu``, ``cuda`` or ``cuda:N``.
        compile: compile a package or a checkpoint with AOTInductor first (or take it from the cache).
        sha256: of the file, if it must be this one.
        chunk: edges that are evaluated at once; by default what measures best on this machine.
        options: how to compile.

    Raises:
        ModelError: the file is damaged or another one, or cannot serve as an expert.
    """
    load = partial(
        load_nequip_model,
        path,
        key=key,
        name=name,
        device=device,
        compile=compile,
        sha256=sha256,
        chunk=chunk,
        options=options,
    )
    how = options if compile or path.name.endswith(".pt2") else None
    expert = _expert(path, key, name, _device(device), how, sha256, (load, ()))
    if chunk is None:
        expert.choose_chunk = lambda expert: remembered_chunk(expert, path, key, how)
    else:
        expert.choose_chunk = lambda _: chunk
    return expert


def _expert(
    path: Path,
    key: str | None,
    name: str,
    device: torch.device,
    options: CompileOptions | None,
    sha256: str | None,
    again: Reload,
) -> NequipExpert:
    if not path.is_file():
        raise ModelError(f"the {name} expert's model file does not exist: {path}; correct experts.{name}.path")
    if path.name.endswith(".nequip.pth"):
        raise ModelError(
            f"{path} is a TorchScript model, which current PyTorch no longer supports; "
            f"give experts.{name}.path the package or checkpoint it was made from"
        )
    check_archive(path, name)
    if sha256 is not None:
        check_digest(path, name, sha256)
    if path.name.endswith(".pt2"):
        if key is not None:
            raise ModelError(f"{path} is compiled and holds one model; remove experts.{name}.key")
        return load_artifact(path, name, device, again)
    if options is not None:

        def check() -> str:
            module, found = _saved_module(path, key, name)
            expert_from_module(module, name=name)
            return found

        compiled = partial(compiled_model, path, key=key, name=name, device=str(device), check=check, options=options)
        artifact = compiled()
        made = digest(artifact)
        try:
            return load_artifact(artifact, name, device, again)
        except ModelError as error:
            # It is what was compiled, and yet of no use here: a new one may be.
            try:
                artifact = compiled(unfit=made)
            except ModelError as failed:
                raise ModelError(f"{error} (which was tried: {failed})") from failed
            return load_artifact(artifact, name, device, again)
    return expert_from_module(_saved_module(path, key, name)[0], name=name, device=device, again=again)


def _saved_module(path: Path, key: str | None, name: str) -> tuple[graph_model.GraphModel, str]:
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


def _device(device: str) -> torch.device:
    result = torch.device(device)
    if result.type == "cuda" and not torch.cuda.is_available():
        raise ModelError("device 'cuda' was asked for, but this PyTorch sees no CUDA device; use device = \"cpu\"")
    if result.type == "cuda" and (result.index or 0) >= torch.cuda.device_count():
        raise ModelError(f"there is no device '{device}': {torch.cuda.device_count()} CUDA device(s) are visible")
    return result
