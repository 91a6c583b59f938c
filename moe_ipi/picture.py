"""One picture: the structure, coloured by expert."""

from __future__ import annotations

from collections.abc import Sequence
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

    Atoms are coloured by expert; of light elements (H, C, N, O) those of an adsorbate, see :func:`atom_colors`.

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
    names = atom_colors(symbols, assignment)
    colors = [matplotlib.colors.to_rgb(name) for name in names]
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
    others = ", adsorbate included" if set(names) - {COMPLEX_COLOR, BULK_COLOR} else ""
    handles = [
        Line2D([], [], marker="o", linestyle="", markersize=11, markeredgecolor="black", color=c, label=text)
        for c, text in (
            (COMPLEX_COLOR, f"complex expert ({n} atoms{others})"),
            (BULK_COLOR, f"bulk expert ({len(atoms) - n} atoms)"),
        )
    ]
    figure.legend(handles=handles, loc="lower center", ncol=2, frameon=False)
    figure.suptitle(title)
    figure.tight_layout(rect=(0, 0.06, 1, 1))
    figure.savefig(path, dpi=150)
    plt.close(figure)


def atom_colors(symbols: Sequence[str], assignment: NDArray[np.bool_]) -> list[str]:
    """The colour of each atom: its expert's, or for a light element the one that chemists give it.

    The latter must not hide which expert an atom has: an element has it only if all its atoms are complex, and if
    complex atoms of other elements show the colour of the expert.

    Args:
        symbols: N chemical symbols.
        assignment: (N,) bool, True for atoms of the complex expert.
    """
    pairs = list(zip(symbols, assignment, strict=True))
    bulk = {symbol for symbol, complex in pairs if not complex}
    own = {symbol for symbol, _ in pairs if symbol in ADSORBATE_COLORS and symbol not in bulk}
    if not any(complex and symbol not in own for symbol, complex in pairs):
        own = set()
    return [
        ADSORBATE_COLORS[symbol] if symbol in own else COMPLEX_COLOR if complex else BULK_COLOR
        for symbol, complex in pairs
    ]
