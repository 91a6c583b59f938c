"""Plots as text."""

import re

from moe_ipi.validation.plots import svg
from moe_ipi.validation.result import Curve, Plot


def test_plots_are_reproducible():
    plot = Plot("p", "x", "y", (Curve("<c>", (0.0, 1.0), (1.0, 2.0), "both"),), x_ticks=((0.0, "Γ"), (1.0, "X|K")))
    assert svg(plot) == svg(plot) and "&lt;c&gt;" in svg(plot)
    assert ">Γ<" in svg(plot) and ">X|K<" in svg(plot)
    assert not re.search(r"20\d\d-\d\d-\d\d", svg(plot))
