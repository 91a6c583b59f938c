"""Plots of checks as SVG text."""

from __future__ import annotations

import io
from typing import Any

import matplotlib

from moe_ipi.validation.result import Plot

#: Okabe and Ito's palette: told apart by colour-blind readers too.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000", "#999999", "#F0E442")
_STYLES: dict[str, dict[str, Any]] = {
    "line": {"linestyle": "-"},
    "points": {"linestyle": "", "marker": ".", "markersize": 3, "alpha": 0.5},
    "both": {"linestyle": "-", "marker": "o", "markersize": 4},
}


def svg(plot: Plot) -> str:
    """``plot`` as an SVG element that can stand in an HTML page."""
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    # Text stays text; ids must not depend on chance, so that the same numbers give the same file.
    with plt.rc_context({"svg.fonttype": "none", "svg.hashsalt": plot.title, "font.size": 10, "axes.grid": True}):
        figure, axes = plt.subplots(figsize=(7.0, 4.2))
        colors: dict[str, str] = {}
        for curve in plot.curves:
            family = curve.family or curve.label
            label = None if family in colors else family
            color = colors.setdefault(family, COLORS[len(colors) % len(COLORS)])
            axes.plot(curve.x, curve.y, label=label, color=color, **_STYLES[curve.style])
        if plot.diagonal:
            ends = [f(f(c.x) for c in plot.curves if c.x) for f in (min, max)]
            axes.plot(ends, ends, color="black", linewidth=0.8, zorder=0)
            axes.set_aspect("equal", adjustable="datalim")
        if plot.log_y:
            axes.set_yscale("log")
        axes.set(xlabel=plot.x_label, ylabel=plot.y_label)
        axes.grid(alpha=0.3)
        axes.legend(fontsize=9, frameon=False)
        figure.tight_layout()
        stream = io.StringIO()
        figure.savefig(stream, format="svg", metadata={"Date": None})
        plt.close(figure)
    text = stream.getvalue()
    return text[text.index("<svg") :]
