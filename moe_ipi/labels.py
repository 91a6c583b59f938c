"""What the frames of a file carry besides their structure, under the names that the file gives."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ase import Atoms

#: Arrays that are no labels: those of ASE.
_STRUCTURE = {"numbers", "positions", "tags", "momenta", "masses", "initial_magmoms", "initial_charges", "move_mask"}


def quantities(frame: Atoms) -> dict[str, Any]:
    """All that may be a label: results (as ASE knows them), other arrays, and what stands in the comment."""
    own = dict(frame.calc.results) if frame.calc is not None else {}
    return {**frame.info, **{k: v for k, v in frame.arrays.items() if k not in _STRUCTURE}, **own}


def guessed(missing: Mapping[str, str], found: Iterable[str]) -> dict[str, str]:
    """Which of the names found may be which label: a key mapping, or an example of one if that is not clear.

    Args:
        missing: a word that the name contains (``"energy"``, ``"force"``, ``"stress"``), and the label's own name.
        found: names in a file.
    """
    names = list(found)
    mapping = {}
    for word, label in missing.items():
        alike = [name for name in names if word in name.lower()]
        mapping[alike[0] if len(alike) == 1 else f"REF_{label.removeprefix('total_')}"] = label
    return mapping
