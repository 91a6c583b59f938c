"""One picture: the structure, coloured by expert."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from ase import Atoms
from ase.data import covalent_radii
from numpy.typing import NDArray

from moe_ipi.whole import whole

COMPLEX_COLOR = "#e07b39"
BULK_COLOR = "#9db4c8"
#: More atoms than this get no letters.
_LETTERS = 60


def expert_colors(assignment: NDArray[np.bool_]) -> list[str]:
    """(N,) the colour of each atom's expert; ``assignment`` is True for atoms of the complex expert."""
    return [COMPLEX_COLOR if complex else BULK_COLOR for complex in assignment]


def draw_assignment(atoms: Atoms, assignment: NDArray[np.bool_], path: Path, *, title: str = "") -> None:
    """Write a PNG with the structure seen from the side and from above.

    Atoms are filled with the colour of their expert, and as large as their covalent radii; letters name elements other
    than the most frequent one.  Molecules and slabs that cross the cell's faces are drawn whole.

    Args:
        atoms: N atoms.
        assignment: (N,) bool, True for atoms of the complex expert.
        path: the file.
        title: a line above the picture.
    """
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    from matplotlib.lines import Line2D

    shown = whole(atoms)
    figure, axes = plt.subplots(1, 2, figsize=(9, 4.6), layout="constrained")
    # x to the right; z, or y, upwards; what is nearer to the eye covers the rest.
    for axis, upwards, depth, label in ((axes[0], 2, -shown.positions[:, 1], "side"), (axes[1], 1, None, "above")):
        nearer = shown.positions[:, 2] if depth is None else depth
        _draw(axis, shown, shown.positions[:, [0, upwards]], nearer, expert_colors(assignment))
        axis.set_title(f"from {'the ' if label == 'side' else ''}{label}", fontsize=12)
    n = int(np.count_nonzero(assignment))
    handles = [
        Line2D([], [], marker="o", linestyle="", markersize=11, markeredgecolor="black", color=c, label=text)
        for c, text in (
            (COMPLEX_COLOR, f"complex expert ({n} atoms)"),
            (BULK_COLOR, f"bulk expert ({len(atoms) - n} atoms)"),
        )
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=2, frameon=False, fontsize=12)
    figure.suptitle(title)
    figure.savefig(path, dpi=150)
    plt.close(figure)


def _draw(axis: Any, atoms: Atoms, places: NDArray[np.float64], nearer: NDArray[np.float64], colors: list[str]) -> None:
    """Circles at ``places`` (N, 2), those in front last, and letters on what can be seen."""
    from matplotlib.collections import PatchCollection
    from matplotlib.patches import Circle

    radii = covalent_radii[atoms.numbers]
    order = np.argsort(nearer, kind="stable")
    circles = [Circle((float(places[k, 0]), float(places[k, 1])), float(radii[k])) for k in order]
    width = 0.7 if len(atoms) < 500 else 0.2
    collection = PatchCollection(circles, facecolors=[colors[k] for k in order], edgecolors="black", linewidths=width)
    axis.add_collection(collection)
    symbols = np.array(atoms.get_chemical_symbols())
    kinds, counts = np.unique(symbols, return_counts=True)
    named = np.flatnonzero(symbols != kinds[counts.argmax()])
    for k in named if len(named) <= _LETTERS else ():
        covering = (np.linalg.norm(places - places[k], axis=1) < radii) & (nearer > nearer[k])
        if not covering.any():
            axis.text(*places[k], symbols[k], ha="center", va="center", fontsize=9, clip_on=True)
    low, high = (places - radii[:, None]).min(axis=0), (places + radii[:, None]).max(axis=0)
    axis.set(xlim=(low[0] - 0.3, high[0] + 0.3), ylim=(low[1] - 0.3, high[1] + 0.3), aspect="equal")
    axis.set_axis_off()
