"""Models of the repository nequip.net, by NequIP's own loader."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from moe_ipi.config import NEQUIP_NET
from moe_ipi.errors import ModelError, one_line


def local_file(path: Path) -> Path:
    """The file of a model: the path itself, or where NequIP keeps what it downloads (``NEQUIP_CACHE_DIR``).

    Args:
        path: of a file, or ``nequip.net:GROUP/MODEL:VERSION``.

    Raises:
        ModelError: it cannot be downloaded.
    """
    name = str(path)
    return _downloaded(name) if name.startswith(NEQUIP_NET) else path


@cache
def _downloaded(name: str) -> Path:
    # Slow to import.
    from moe_ipi.experts.nequip.internals import fetched

    try:
        return fetched(name)
    # requests, NequIP and the file system: each has errors of its own.
    except Exception as error:
        raise ModelError(
            f"cannot download the model '{name}' ({type(error).__name__}: {one_line(error)}); correct its name "
            f"({NEQUIP_NET}GROUP/MODEL:VERSION), or download the package where there is a network and give its path"
        ) from error
