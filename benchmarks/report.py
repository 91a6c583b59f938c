"""Results as JSON, as a page in Markdown, and as pictures."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import matplotlib

from benchmarks.harness import Table

matplotlib.use("Agg")
import matplotlib.pyplot as plt


def write(folder: Path, tables: Sequence[Table], where: Mapping[str, str], command: str, date: str) -> None:
    """``benchmarks.json``, ``benchmarks.md`` and ``benchmarks.png`` in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    content = {"command": command, "date": date, "machine": dict(where), "tables": [asdict(table) for table in tables]}
    (folder / "benchmarks.json").write_text(json.dumps(content, indent=1) + "\n")
    lines = [
        "# Benchmarks",
        "",
        f"Written by `{command}` on {date}. Every ratio was measured side by side in one run; medians.",
        "What it means: [performance.md](performance.md).",
        "",
        *(f"- {name}: {value}" for name, value in where.items()),
        "",
    ]
    if any(table.key == "mixture" for table in tables):
        draw(folder / "benchmarks.png", tables)
        lines += ["![speed and efficiency](benchmarks.png)", ""]
    for table in tables:
        lines += [f"## {table.title}", "", *markdown(table), ""]
        if table.note:
            lines += [table.note, ""]
    (folder / "benchmarks.md").write_text("\n".join(lines).rstrip() + "\n")


def markdown(table: Table) -> list[str]:
    """The lines of a table."""
    lines = ["| " + " | ".join(table.columns) + " |", "|" + "---|" * len(table.columns)]
    return lines + ["| " + " | ".join(text(value) for value in row) + " |" for row in table.rows]


def text(value: float | int | str) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, int):
        return f"{value:,}"
    size = abs(value)
    return (
        f"{value:.0f}"
        if size >= 100
        else f"{value:.1f}"
        if size >= 10
        else f"{value:.2f}"
        if size >= 0.1
        else f"{value:.2g}"
    )


def draw(path: Path, tables: Sequence[Table]) -> None:
    """Speed over the full expert with its bound, and the efficiency."""
    rows = next(table.rows for table in tables if table.key == "mixture")
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.4), constrained_layout=True)
    for size in sorted({row[0] for row in rows}):
        mine = [row for row in rows if row[0] == size]
        percent = [row[1] for row in mine]
        (line,) = axes[0].plot(percent, [row[4] for row in mine], "o-", label=f"{size:,} atoms")
        axes[0].plot(percent, [row[5] for row in mine], "--", color=line.get_color(), lw=1)
        axes[1].plot(percent, [row[6] for row in mine], "o-", label=f"{size:,} atoms")
    axes[0].set(xlabel="complex atoms, %", ylabel="speed over the full expert", xscale="log", yscale="log")
    axes[0].set_title("dashed: no mixture can be faster", fontsize="medium")
    axes[1].set(xlabel="complex atoms, %", ylabel="efficiency", xscale="log", ylim=(0.8, 1.05))
    axes[1].axhline(0.95, color="gray", lw=1, ls=":")
    for axis in axes:
        axis.legend(fontsize="small", frameon=False)
        axis.set_xticks([2, 5, 10, 30], ["2", "5", "10", "30"])
        axis.minorticks_off()
    figure.savefig(path, dpi=120)
    plt.close(figure)
