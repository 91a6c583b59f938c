"""From a NequIP-framework model file to an expert: packages, checkpoints, compiled models.

What imports NequIP, which takes seconds, is imported where it is needed: a compiled model in the cache does not.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import torch

from moe_ipi.errors import ModelError
from moe_ipi.experts.nequip.archive import check_archive, check_digest, digest
from moe_ipi.experts.nequip.cache import PLAIN, CompileOptions, compiled_model
from moe_ipi.experts.nequip.chunk import remembered_chunk
from moe_ipi.experts.nequip.expert import NequipExpert, Reload
from moe_ipi.experts.nequip.own_artifacts import load_own_artifact


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
        from moe_ipi.experts.nequip.artifacts import load_artifact

        return load_artifact(path, name, device, again)
    if options is None:
        from moe_ipi.experts.nequip.saved import saved_expert

        return saved_expert(path, key, name, device, again)
    return _compiled_expert(path, key, name, device, options, again)


def _compiled_expert(
    path: Path, key: str | None, name: str, device: torch.device, options: CompileOptions, again: Reload
) -> NequipExpert:
    def check() -> str:
        from moe_ipi.experts.nequip.saved import checked_name

        return checked_name(path, key, name)

    def load(artifact: Path) -> NequipExpert:
        if device.type == "cpu" and options == PLAIN:
            return load_own_artifact(artifact, name, again)
        # It may need libraries of its modifiers, or a precision of the process, which NequIP knows about.
        from moe_ipi.experts.nequip.artifacts import load_artifact

        return load_artifact(artifact, name, device, again)

    compiled = partial(compiled_model, path, key=key, name=name, device=str(device), check=check, options=options)
    artifact = compiled()
    made = digest(artifact)
    try:
        return load(artifact)
    except ModelError as error:
        # It is what was compiled, and yet of no use here: a new one may be.
        try:
            artifact = compiled(unfit=made)
        except ModelError as failed:
            raise ModelError(f"{error} (which was tried: {failed})") from failed
        return load(artifact)


def _device(device: str) -> torch.device:
    result = torch.device(device)
    if result.type == "cuda" and not torch.cuda.is_available():
        raise ModelError("device 'cuda' was asked for, but this PyTorch sees no CUDA device; use device = \"cpu\"")
    if result.type == "cuda" and (result.index or 0) >= torch.cuda.device_count():
        raise ModelError(f"there is no device '{device}': {torch.cuda.device_count()} CUDA device(s) are visible")
    return result
