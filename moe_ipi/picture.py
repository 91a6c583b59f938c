"""One picture: the structure, coloured by expert."""

from __future__ import annotations

from pathlib import Path

import matplotlib
import numpy as np
from ase import Atoms
from numpy.typing import NDArray

COMPLEX_COLOR = "#e07b39"
BULK_COLOR = "#9db4c8"
ADSORBATE_COLORS = {"C": "#303030", "O": "#c8102e", "H": "#f4f4f4", "N": "#3050f8"}


def draw_assignment(atoms: Atoms, assignment: NDArray[np.bool_], path: Path, *, title: str = "") -> None:
    """Write a PNG with the structure seen from the side and from above.

    Atoms are coloured by expert; light elements (H, C, N, O) keep the colours chemists give them.

    Args:
        atoms: N atoms.
        assignment: (N,) bool, True for atoms of the complex expert.
        path: the file.
        title: a line above the picture.
    """
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    from ase.visualize.plot import plot_atoms
    from matplotlib.lines import Line2D

    symbols = atoms.get_chemical_symbols()
    colors = [
        matplotlib.colors.to_rgb(ADSORBATE_COLORS.get(s, COMPLEX_COLOR if a else BULK_COLOR))
        for s, a in zip(symbols, assignment, strict=True)
    ]
    radii = [0.7 if s in ADSORBATE_COLORS else 1.35 for s in symbols]
    wrapped = atoms.copy()
    wrapped.wrap()
    wrapped.pbc = False
    figure, axes = plt.subplots(1, 2, figsize=(11, 5.2))
    for axis, rotation, label in ((axes[0], "-90x", "from the side"), (axes[1], "0x", "from above")):
        plot_atoms(wrapped, axis, rotation=rotation, colors=colors, radii=radii, show_unit_cell=0)
        axis.set_title(label, fontsize=11)
        axis.set_axis_off()
    n = int(np.count_nonzero(assignment))
    handles = [
        Line2D([], [], marker="o", linestyle="", markersize=11, markeredgecolor="black", color=c, label=text)
        for c, text in (
            (COMPLEX_COLOR, f"complex expert ({n} atoms, adsorbate included)"),
            (BULK_COLOR, f"bulk expert ({len(atoms) - n} atoms)"),
        )
    ]
    figure.legend(handles=handles, loc="lower center", ncol=2, frameon=False)
    figure.suptitle(title)
    figure.tight_layout(rect=(0, 0.06, 1, 1))
    figure.savefig(path, dpi=150)
    plt.close(figure)
