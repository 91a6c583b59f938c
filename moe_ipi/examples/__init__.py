"""Runnable folders that ship with the package, one for each kind of run: what ``moe-ipi new`` writes.

In the repository they are links to ``ipi_inputs/``, ``drivers/`` and ``training/``, which hold the only copy; a wheel
and a source distribution have the files themselves.
"""

from __future__ import annotations

from pathlib import Path

_FOLDER = Path(__file__).parent
#: What belongs to an example; in a checkout a run may have left more.
_FILES = ("README.md", "input.xml", "init.xyz", "plumed.dat", "job.sh", "your_pair.yaml", "moe.toml", "distill.sh")


def available() -> dict[str, str]:
    """Every kind and its title, the first line of its README."""
    readmes = sorted(_FOLDER.glob("*/README.md"))
    return {path.parent.name: path.read_text(encoding="utf-8").splitlines()[0].lstrip("# ") for path in readmes}


def files(kind: str) -> dict[str, str]:
    """The text of every file of a kind, by its name."""
    paths = (_FOLDER / kind / name for name in _FILES)
    return {path.name: path.read_text(encoding="utf-8") for path in paths if path.is_file()}
