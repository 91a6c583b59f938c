"""From which file a run can be continued."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree


@dataclass(frozen=True)
class Restart:
    """A RESTART or checkpoint that is whole.

    Attributes:
        path: the file.
        step: number of steps done in it.
        parameters: text of its ``<parameters>``, which hold assignment and memory.
    """

    path: Path
    step: int
    parameters: tuple[str, ...]


def read_restart(path: Path) -> Restart | None:
    """What a file holds; ``None`` if it is no i-PI file that a run can be continued from, or was cut short."""
    try:
        root = ElementTree.parse(path).getroot()
        step = root.findtext("step")
        if root.tag != "simulation" or step is None:
            return None
        parameters = tuple((each.text or "").strip() for each in root.iter("parameters"))
        return Restart(path, int(step), parameters)
    except (OSError, ElementTree.ParseError, ValueError):
        return None


def newest_usable(folder: Path, prefix: str, *, refused: Path | None = None, since: float = 0.0) -> Restart | None:
    """The file with the most steps from which a run can be continued.

    Args:
        folder: where i-PI runs.
        prefix: of its files.
        refused: a file that was just refused; neither it is named nor one that holds the same.
        since: time (s) before which files do not count.

    Returns:
        RESTART or a checkpoint; of two with the same step the one that was written last.
    """
    bad = read_restart(refused) if refused is not None else None
    found = []
    for path in folder.iterdir():
        if path.name != "RESTART" and not re.fullmatch(rf"{re.escape(prefix)}\..*", path.name):
            continue
        if path.suffix in (".partial", ".log", ".xyz") or not path.is_file() or _is(path, refused):
            continue
        if path.stat().st_mtime < since:
            continue
        restart = read_restart(path) if _looks_like_xml(path) else None
        if restart is not None and (bad is None or restart.parameters != bad.parameters):
            found.append(restart)
    return max(found, key=lambda each: (each.step, each.path.stat().st_mtime_ns), default=None)


def _is(path: Path, other: Path | None) -> bool:
    return other is not None and other.exists() and path.samefile(other)


def _looks_like_xml(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(1) == b"<"
