"""The README as PyPI shows it; everything else about the package is in pyproject.toml.

Relative links lead nowhere there.  They are made absolute from ``Source`` in ``[project.urls]``; as long as that has no
address, the names of the files stay, and where to find them is said.
"""

import re
import tomllib
from pathlib import Path

from setuptools import setup

HERE = Path(__file__).parent
LINK = re.compile(r"\[([^\]]+)\]\((?!https?:|mailto:|#)([^)\s]+)\)")
NOTE = """
Files that are named here are in the source distribution: `pip download --no-deps --no-binary moe-ipi moe-ipi`.
"""


def description(readme: str, source: str | None) -> str:
    """The README without relative links."""
    if source:
        return LINK.sub(rf"[\1]({source.rstrip('/')}/blob/HEAD/\2)", readme)
    return LINK.sub(lambda link: f"`{link[2]}`" if link[1] == link[2] else f"{link[1]} (`{link[2]}`)", readme) + NOTE


urls = tomllib.loads((HERE / "pyproject.toml").read_text(encoding="utf-8"))["project"]["urls"]
setup(
    long_description=description((HERE / "README.md").read_text(encoding="utf-8"), urls.get("Source")),
    long_description_content_type="text/markdown",
)
