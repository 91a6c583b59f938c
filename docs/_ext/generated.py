"""Parts of pages that are made from the code: ``% generated: NAME`` on a line of its own stands for them."""

from __future__ import annotations

from collections.abc import Callable

import commands
import config_tables
from sphinx.application import Sphinx
from sphinx.util.typing import ExtensionMetadata

PARTS: dict[str, Callable[[], str]] = {"commands": commands.reference, "config": config_tables.reference}


def _fill(app: Sphinx, docname: str, source: list[str]) -> None:
    for name, make in PARTS.items():
        line = f"\n% generated: {name}\n"
        if line in source[0]:
            source[0] = source[0].replace(line, f"\n{make()}\n")


def _made_anew(app: Sphinx, env: object, added: set[str], changed: set[str], removed: set[str]) -> list[str]:
    """Pages that may differ although their files do not."""
    return ["reference/config", "reference/commands"]


def setup(app: Sphinx) -> ExtensionMetadata:
    app.connect("source-read", _fill)
    app.connect("env-get-outdated", _made_anew)
    return {"parallel_read_safe": True}
