"""Writing a ``moe.toml``."""

from __future__ import annotations

from pathlib import Path

import tomli_w

from moe_ipi.config.tables import Config


def write_config(path: str | Path, config: Config) -> Path:
    """Write a configuration that :func:`moe_ipi.load_config` reads as the same one.

    Args:
        path: the file; one that is there is replaced.
        config: what to write; keys that have their default values are left out.

    Returns:
        ``path``.

    Raises:
        OSError: the file cannot be written.
    """
    data = config.model_dump(mode="json", exclude_none=True, exclude_defaults=True)
    path = Path(path)
    path.write_text(tomli_w.dumps(data), encoding="utf-8")
    return path
