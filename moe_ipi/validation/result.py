"""What a check found: plain data, drawn by :mod:`moe_ipi.validation.report` and written as JSON.

A check decides what is measured and what passes; it draws nothing.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

#: One value in a table; ``None`` is an empty place.
Cell = str | float | int | None
Row = tuple[Cell, ...]


@dataclass(frozen=True)
class Quantity:
    """One measured number.

    Attributes:
        name: what it is, as a label in a table.
        value: the number, in ``unit``.
        unit: unit, or "" for a pure number; "%" is allowed.
        tolerance: the largest (with ``minimum``: smallest) value that passes; None: for information.
        minimum: ``value`` must be at least ``tolerance``, not at most.
        note: a short remark.
        judged: False: it comes from a smaller cell or a shorter run than its tolerance is meant for.
        remedy: what the user can do about it if it fails; everything that has a tolerance has one.
    """

    name: str
    value: float
    unit: str = ""
    tolerance: float | None = None
    minimum: bool = False
    note: str = ""
    judged: bool = True
    remedy: str = ""

    @property
    def within(self) -> bool | None:
        """Whether the absolute value is within the tolerance (NaN is not); None without one."""
        if self.tolerance is None:
            return None
        if self.minimum:
            return bool(self.value >= self.tolerance)
        return bool(abs(self.value) <= self.tolerance)

    @property
    def passed(self) -> bool | None:
        """:attr:`within`, but None if it is not judged; a number that is not finite always fails."""
        return self.within if self.judged or not math.isfinite(self.value) else None

    @property
    def verdict(self) -> str:
        """``pass``, ``FAIL``, ``not judged``, or ``info`` if there is no tolerance."""
        if self.tolerance is None:
            return "info"
        return {True: "pass", False: "FAIL", None: "not judged"}[self.passed]


@dataclass(frozen=True)
class Table:
    """A table of numbers or words under one title."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Curve:
    """One set of points of a plot; ``style``: a line, markers, or markers joined by a line.

    A line ends at a y that is NaN, and goes on behind it.
    Curves with the same ``family`` have one colour, and only the first of them stands in the legend.
    """

    label: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    style: Literal["line", "points", "both"] = "line"
    family: str = ""


@dataclass(frozen=True)
class Plot:
    """Curves.

    Attributes:
        title: the caption.
        x_label, y_label: what the axes are, with units.
        curves: see :class:`Curve`.
        x_ticks: places with a name, which stand in place of numbers, each with a vertical line.
    """

    title: str
    x_label: str
    y_label: str
    curves: tuple[Curve, ...]
    x_ticks: tuple[tuple[float, str], ...] = ()


@dataclass(frozen=True)
class Density:
    """How many predictions fall where: against their labels, and below that the residuals (prediction - label).

    Attributes:
        title: the caption.
        unit, residual_unit: of labels and predictions; of residuals.
        edges: (K + 1,) of the bins of labels and of predictions.
        counts: (K, K) points in each bin, a row for each bin of predictions.
        residual_edges: (L + 1,) of the bins of residuals, in ``residual_unit``.
        residuals: (L, K) points in each bin, a row for each bin of residuals.
    """

    title: str
    unit: str
    residual_unit: str
    edges: tuple[float, ...]
    counts: tuple[tuple[int, ...], ...]
    residual_edges: tuple[float, ...]
    residuals: tuple[tuple[int, ...], ...]


@dataclass
class Check:
    """The outcome of one check.

    Attributes:
        key: short name for files and the JSON, such as ``elastic``.
        title: heading.
        explanation: one or two sentences: what is measured and why it matters.
        quantities: the numbers; those with a tolerance decide.
        tables, plots: details.
        skipped: why the check was not made; then there are no quantities.
        error: why the check broke off; that is a failure.
        seconds: how long it took (filled in by the runner).
    """

    key: str
    title: str
    explanation: str
    quantities: list[Quantity] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    plots: list[Plot | Density] = field(default_factory=list)
    skipped: str | None = None
    error: str | None = None
    seconds: float = 0.0

    @property
    def passed(self) -> bool | None:
        """True if every quantity that is judged passed, False if one did not, None if none decides."""
        if self.error is not None:
            return False
        verdicts = [q.passed for q in self.quantities if q.passed is not None]
        return all(verdicts) if verdicts else None

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON, verdicts included."""
        data = asdict(self)
        data["passed"] = self.passed
        for plain, quantity in zip(data["quantities"], self.quantities, strict=True):
            plain["passed"], plain["verdict"] = quantity.passed, quantity.verdict
        return data
