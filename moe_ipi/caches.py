"""The folder of what is compiled once and kept."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs


def cache_folder() -> Path:
    """Where compiled code is kept: ``$MOE_IPI_CACHE_DIR``, or the user's cache folder."""
    folder = Path(os.environ.get("MOE_IPI_CACHE_DIR") or platformdirs.user_cache_dir("moe-ipi"))
    return folder.expanduser().absolute()
