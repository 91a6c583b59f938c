"""Is a model file whole?  torch reads damaged weights without a word, and computes another energy with them."""

from __future__ import annotations

import hashlib
import zipfile
import zlib
from pathlib import Path

from moe_ipi.errors import ModelError

#: How a zip archive begins: packages, checkpoints and compiled models are such archives.
_ZIP = b"PK\x03\x04"


def check_archive(path: Path, name: str) -> None:
    """Compare every part of an archive with its checksum; a file that is no zip archive is not looked at.

    Args:
        path: the model file.
        name: what to call the expert in messages.

    Raises:
        ModelError: it is damaged or not complete, or cannot be read.
    """
    problem = archive_problem(path)
    if problem is not None:
        raise ModelError(
            f"cannot load the {name} expert {path}: the file is damaged ({problem}); copy or download it again"
        )


def check_digest(path: Path, name: str, expected: str) -> None:
    """Compare a model file with the one that the config was written for.

    Args:
        path: the model file.
        name: what to call the expert in messages.
        expected: SHA-256, hexadecimal.

    Raises:
        ModelError: it is another file.
    """
    found = digest(path)
    if found != expected:
        raise ModelError(
            f"{path} is not the file that the {name} expert was given with: its SHA-256 is {found}; copy or download "
            f"it again, or correct experts.{name}.sha256"
        )


def archive_problem(path: Path) -> str | None:
    """What is wrong with an archive, or ``None``.

    Raises:
        ModelError: the file cannot be read.
    """
    try:
        with path.open("rb") as file:
            if file.read(len(_ZIP)) != _ZIP:
                return None
        with zipfile.ZipFile(path) as archive:
            part = archive.testzip()
            return None if part is None else f"the checksum of '{part}' in it is wrong"
    # What a flipped bit in a header makes of zipfile is not only BadZipFile.
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
        return " ".join(str(error).split()) or type(error).__name__
    except OSError as error:
        # Offsets beyond the end come as EINVAL, without a file name.
        if error.filename is None:
            return error.strerror or str(error)
        raise ModelError(
            f"cannot read {path}: {error.strerror or error}; correct the path or its permissions"
        ) from error


def digest(path: Path) -> str:
    """The SHA-256 of a file, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
