"""Models from packages, made to run with the code that is installed.

A package of NequIP brings the code of its model with it.  Such a model cannot be packaged again beside one that
was built here: both bring classes of the same names.
"""

from __future__ import annotations

import io
from typing import TypeVar

import torch
from torch.package import (  # type: ignore[attr-defined]  # torch does not list what it exports
    PackageExporter,
    PackageImporter,
    is_from_package,
    sys_importer,
)

from moe_ipi.errors import ModelError, one_line
from moe_ipi.experts.nequip.internals import quiet

_Module = TypeVar("_Module", bound=torch.nn.Module)


def with_installed_code(model: _Module) -> _Module:
    """The same weights with the installed NequIP and Allegro, or the model itself if it has no code of its own.

    Args:
        model: of any origin; parameters keep their values to the last bit.

    Raises:
        ModelError: the installed code is too different from the package's.
    """
    importer = _importer(model)
    if importer is None:
        return model
    try:
        with quiet():
            buffer = io.BytesIO()
            with PackageExporter(buffer, importer=(importer, sys_importer)) as exporter:
                # No code is taken along: whoever reads this imports what is installed.
                exporter.extern("**")
                exporter.save_pickle("model", "model.pkl", model)
            buffer.seek(0)
            own: _Module = PackageImporter(buffer).load_pickle("model", "model.pkl")
    # What is missing in, or unknown to, other versions of the classes comes as any kind of error.
    except Exception as error:
        raise ModelError(
            f"the packaged model cannot run with the installed NequIP and Allegro ({one_line(error)}); install the "
            "versions that it was made with ('nequip-package info FILE' names them)"
        ) from error
    return own


def _importer(model: torch.nn.Module) -> PackageImporter | None:
    """What has imported the code of a model, if that came with a package."""
    for module in model.modules():
        if is_from_package(module):
            loader = type(module).forward.__globals__["__loader__"]
            assert isinstance(loader, PackageImporter)
            return loader
    return None
