"""Plots of checks as SVG text."""

from __future__ import annotations

import io
from typing import Any

import matplotlib
import numpy as np

from moe_ipi.validation.result import Density, Plot

#: Okabe and Ito's palette: told apart by colour-blind readers too.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000", "#999999", "#F0E442")
_STYLES: dict[str, dict[str, Any]] = {
    "line": {"linestyle": "-", "linewidth": 1.4},
    "points": {"linestyle": "", "marker": ".", "markersize": 3, "alpha": 0.5},
    "both": {"linestyle": "-", "marker": "o", "markersize": 4},
}
#: Curves after the first are dashed, so that one that lies on another does not hide it.
_DASHES = ("-", (0, (5, 3)), (0, (1.5, 2)))
#: Inches; so small that letters can still be read on a telephone.
_WIDTH, _HEIGHT, _TALL = 4.8, 3.4, 5.4


def svg(plot: Plot | Density) -> str:
    """``plot`` as an SVG element that can stand in an HTML page."""
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    # Text stays text; ids must not depend on chance, so that the same numbers give the same file.
    with plt.rc_context({"svg.fonttype": "none", "svg.hashsalt": plot.title, "font.size": 10, "axes.axisbelow": True}):
        tall = isinstance(plot, Density)
        figure = plt.figure(figsize=(_WIDTH, _TALL if tall else _HEIGHT), layout="constrained")
        if isinstance(plot, Density):
            _draw_density(figure, plot)
        else:
            _draw_curves(figure, plot)
        stream = io.StringIO()
        figure.savefig(stream, format="svg", dpi=150, metadata={"Date": None})
        plt.close(figure)
    text = stream.getvalue()
    return text[text.index("<svg") :]


def _draw_curves(figure: Any, plot: Plot) -> None:
    axes = figure.subplots()
    seen: dict[str, int] = {}
    for curve in plot.curves:
        family = curve.family or curve.label
        label = None if family in seen else family
        number = seen.setdefault(family, len(seen))
        style = dict(_STYLES[curve.style], color=COLORS[number % len(COLORS)])
        if curve.style != "points":
            style["linestyle"] = _DASHES[number % len(_DASHES)]
        axes.plot(curve.x, curve.y, label=label, **style)
    axes.set(xlabel=plot.x_label, ylabel=plot.y_label)
    axes.grid(alpha=0.3, axis="y" if plot.x_ticks else "both")
    if plot.x_ticks:
        places, names = zip(*plot.x_ticks, strict=True)
        axes.set_xticks(places, names)
        axes.set_xlim(places[0], places[-1])
        for place in places[1:-1]:
            axes.axvline(place, color="#888888", linewidth=0.8)
    # Above the axes: there it hides no curve.
    figure.legend(loc="outside upper center", ncols=3, fontsize=9, frameon=False)


def _draw_density(figure: Any, plot: Density) -> None:
    from matplotlib.colors import LogNorm

    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(2.4, 1))
    edges = np.array(plot.edges)
    counts, residuals = (np.array(values, float) for values in (plot.counts, plot.residuals))
    norm = LogNorm(1, max(counts.max(), residuals.max(), 2))
    for axes, rows, values in ((above, edges, counts), (below, np.array(plot.residual_edges), residuals)):
        # Cells without any are left white.
        mesh = axes.pcolormesh(
            edges, rows, np.where(values > 0, values, np.nan), norm=norm, cmap="viridis_r", rasterized=True
        )
        axes.grid(alpha=0.3)
    above.plot(edges[[0, -1]], edges[[0, -1]], color="black", linewidth=0.8)
    below.axhline(0, color="black", linewidth=0.8)
    above.set(ylabel=f"prediction, {plot.unit}", aspect="equal")
    below.set(xlabel=f"label, {plot.unit}", ylabel=f"pred. − label, {plot.residual_unit}")
    figure.colorbar(mesh, ax=(above, below), label="force components", location="right", aspect=40, pad=0.02)
