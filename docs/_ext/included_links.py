"""Links in files that pages include: they lead to the page that stands for a file, or to the file.

``[the model card](moe_ipi/models/pt-co/MODEL_CARD.md)`` in the README is right in the repository; in the site it is the
page that includes that file.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.util.typing import ExtensionMetadata

DOCS = Path(__file__).parents[1]
ROOT = DOCS.parent
_LINK = re.compile(r"(?<=\]\()(?!https?:|mailto:|#)([^)\s#]+)")
_INCLUDE = re.compile(r"^```\{include\} (\S+)\n(:start-after:)?", re.MULTILINE)


def pages() -> dict[Path, str]:
    """Files of the repository to the page (relative to ``docs/``) that includes the whole of them."""
    found = {}
    for page in DOCS.rglob("*.md"):
        for name, part in _INCLUDE.findall(page.read_text(encoding="utf-8")):
            if not part:
                found[(page.parent / name).resolve()] = page.relative_to(DOCS).as_posix()
    return found


def _rewrite(app: Sphinx, relative_path: Path, parent_docname: str, content: list[str]) -> None:
    known = pages()
    folder = (DOCS / relative_path).resolve().parent

    def absolute(link: re.Match[str]) -> str:
        target = (folder / link[1]).resolve()
        if target.is_dir():
            target /= "README.md"
        return "/" + known.get(target, Path(os.path.relpath(target, DOCS)).as_posix())

    content[0] = _LINK.sub(absolute, content[0])


def setup(app: Sphinx) -> ExtensionMetadata:
    app.connect("include-read", _rewrite)
    return {"parallel_read_safe": True}
