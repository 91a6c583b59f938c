"""Files that are there whole, or not at all."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path


def write_whole(path: Path, text: str) -> None:
    """Write a file beside, then move it into place: a killed process leaves no half of it.

    Raises:
        OSError: it cannot be written.
    """
    _made_beside(path, lambda partial: partial.write_text(text, encoding="utf-8"))


def copy_whole(source: Path, target: Path) -> None:
    """Copy a file in the same way.

    Raises:
        OSError: one cannot be read, or the other written.
    """
    _made_beside(target, lambda partial: shutil.copyfile(source, partial))


def _made_beside(path: Path, make: Callable[[Path], object]) -> None:
    partial = path.with_name(f"{path.name}.partial")
    make(partial)
    partial.replace(path)
