"""Compiled models, kept in the user's cache folder."""

from __future__ import annotations

import glob
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import torch
from filelock import FileLock
from rich.console import Console

from moe_ipi.caches import cache_folder
from moe_ipi.errors import ModelError
from moe_ipi.experts.nequip.archive import archive_problem, digest
from moe_ipi.experts.nequip.own_artifacts import EDGE_FORMAT


@dataclass(frozen=True)
class CompileOptions:
    """What ``nequip-compile`` is told beside model and device.

    Attributes:
        tf32: let a GPU round what it multiplies to TF32.
        modifiers: of the model, such as ``enable_TritonContracter``.
    """

    tf32: bool = False
    modifiers: tuple[str, ...] = ()

    @property
    def arguments(self) -> list[str]:
        """On the command line."""
        return ["--tf32"] * self.tf32 + (["--modifiers", *self.modifiers] if self.modifiers else [])


#: As nequip-compile does by default.
PLAIN = CompileOptions()


def compiled_model(
    path: Path,
    *,
    key: str | None,
    name: str,
    device: str,
    check: Callable[[], str],
    unfit: str | None = None,
    options: CompileOptions = PLAIN,
) -> Path:
    """The AOTInductor artifact of a model file, compiled now if it is not in the cache.

    Two processes that ask for the same artifact compile it once.  An artifact that is not what was written (empty,
    cut short, damaged) is compiled again; what a killed compilation has left is removed.

    Args:
        path: package or checkpoint.
        key: the model's name in a file that holds several.
        name: what to call the expert in messages.
        device: ``cpu``, ``cuda`` or ``cuda:N``.
        check: called before anything is compiled; raises if the model cannot serve, and returns its name in the file.
        unfit: digest of an artifact that could not be loaded, and is to be replaced.
        options: how to compile.

    Raises:
        ModelError: there is no C++ compiler, or the compilation failed.
    """
    folder = cache_folder()
    target = folder / f"{name}-{identity(path, key, device, options)}.nequip.pt2"
    if _is_whole(target, unfit):
        return target
    if device == "cpu" and shutil.which(os.environ.get("CXX", "g++")) is None:
        raise ModelError("compiling a model needs a C++ compiler; install g++ or run with compile = false")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(str(target) + ".lock"):
            # Whoever holds the lock is the only one who may compile this artifact.
            for left in folder.glob(f"{glob.escape(_scratch(target))}*"):
                shutil.rmtree(left, ignore_errors=True)
            if not _is_whole(target, unfit):
                _compile(path, target, key=check(), name=name, device=device, options=options)
    except OSError as error:
        raise ModelError(
            f"cannot write compiled models to {folder}: {error.strerror or error}; "
            "set MOE_IPI_CACHE_DIR to a writable folder"
        ) from error
    return target


def _is_whole(target: Path, unfit: str | None) -> bool:
    """Whether the artifact is there and is what was written."""
    try:
        found = digest(target)
        record = _record(target)
        if record.exists():
            return record.read_text(errors="replace").strip() == found != unfit
        # A version that left no record has made it.
        return zipfile.is_zipfile(target) and archive_problem(target) is None and found != unfit
    except OSError:
        return False


def _record(target: Path) -> Path:
    """Where the digest of an artifact is."""
    return target.with_name(target.name + ".sha256")


def _scratch(target: Path) -> str:
    """What the names of the folders begin with in which an artifact is compiled."""
    return f".{target.name}.building-"


def identity(path: Path, key: str | None, device: str, options: CompileOptions = PLAIN) -> str:
    """A hash of everything that an artifact, or its speed, depends on: model, device, processor, versions."""
    digest = hashlib.sha256(path.read_bytes())
    hardware = torch.cuda.get_device_name(device) if device.startswith("cuda") else _cpu()
    for part in (
        key or "",
        device,
        hardware,
        torch.__version__,
        version("nequip"),
        version("nequip-allegro"),
        EDGE_FORMAT,
        *options.arguments,
    ):
        digest.update(b"\0" + part.encode())
    return digest.hexdigest()[:20]


def _cpu() -> str:
    """The processor: code compiled for one kind may not run on another node of the same cluster."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line for line in lines if line.startswith(("flags", "Features")))
    except (OSError, StopIteration):
        return platform.machine() + torch.backends.cpu.get_cpu_capability()


def _compile(path: Path, target: Path, *, key: str, name: str, device: str, options: CompileOptions) -> None:
    console = Console(stderr=True)
    message = f"compiling the {name} expert for {device} (once; one to three minutes)"
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=_scratch(target)) as scratch:
        artifact = Path(scratch) / "model.nequip.pt2"
        command = [sys.executable, "-m", "moe_ipi.experts.nequip.compile_job", str(path.absolute()), str(artifact)]
        command += ["--device", device, "--key", key, *options.arguments]
        # The number of threads would be written into the code.
        env = os.environ | {"OMP_NUM_THREADS": "1"}
        if not console.is_terminal:
            console.print(f"moe-ipi: {message}", highlight=False)
        with console.status(f"moe-ipi: {message}"):
            job = subprocess.run(
                command, stdin=subprocess.DEVNULL, capture_output=True, text=True, cwd=scratch, env=env
            )
        if job.returncode != 0 or not artifact.exists():
            log = target.with_suffix(".log")
            log.write_text(job.stdout + job.stderr)
            said = " ".join((job.stderr.strip().splitlines() or ["no message"])[-1].split())[:200]
            raise ModelError(f"compiling the {name} expert failed ({said}), see {log}; compile = false runs it without")
        # The record first: without it, or with that of another artifact, this one is compiled again.
        record = Path(scratch) / "record"
        record.write_text(digest(artifact) + "\n")
        os.replace(record, _record(target))
        os.replace(artifact, target)
