"""Learning curves and the front of bulk experts, as the model card shows them.

python picture.py curves/complex.csv curves/bulk.csv [--front curves/front.csv] [--frames curves/frames.csv] --out ...
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot


def read(path: Path) -> list[dict[str, str]]:
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("curves", type=Path, nargs="+", help="written by curves.py")
    parser.add_argument("--front", type=Path, help="written by front.py")
    parser.add_argument("--frames", type=Path, help="written by part.py")
    parser.add_argument("--chosen", default="bulk", help="the training in it that was chosen")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    panels = 1 + bool(args.front) + bool(args.frames)
    figure, axes = pyplot.subplots(1, panels, figsize=(0.5 + 5 * panels, 3.8), squeeze=False)
    left = axes[0, 0]
    for number, path in enumerate(args.curves):
        rows = read(path)
        for style, column, what in (
            ("-", "co_force", "Pt+CO"),
            ("--", "pt_force", "Pt"),
            (":", "train_force", "training"),
        ):
            points = [(int(row["steps"]), float(row[column])) for row in rows if row.get(column)]
            left.plot(*zip(*points, strict=True), style, color=f"C{number}", label=f"{path.stem}: {what}")
    left.set(xlabel="steps of the optimiser", ylabel="RMSE of forces (meV/Å)", yscale="log", title="learning curves")
    left.set_yticks([100, 150, 200, 300, 400], ["100", "150", "200", "300", "400"])
    left.minorticks_off()
    left.legend(fontsize=7)
    if args.front:
        right = axes[0, 1]
        for row in read(args.front):
            if not row["training"].startswith("bulk"):
                continue
            cost = float(row["us_per_atom"])
            chosen = row["training"] == args.chosen
            for column, marker in (("surfaces", "s"), ("crystals", "o")):
                fill = "C1" if chosen else "none"
                right.plot(cost, float(row[column]), marker, markeredgecolor="C1", markerfacecolor=fill)
            right.annotate(
                row["training"].removeprefix("bulk-") if not chosen else "chosen",
                (cost, float(row["surfaces"])),
                xytext=(4, 4),
                textcoords="offset points",
                fontsize=7,
            )
        right.set(
            xlabel="time per atom (µs, compiled, one thread)",
            ylabel="RMSE of forces (meV/Å)",
            xscale="log",
            title="bulk experts: surfaces □, crystals ○\n(cutoff-layers-degree-features)",
        )
    if args.frames:
        last = axes[0, -1]
        rows = read(args.frames)
        for style, column, what in (("o-", "co_force", "Pt+CO"), ("o--", "pt_force", "Pt")):
            points = sorted((int(row["frames"]), float(row[column])) for row in rows)
            last.plot(*zip(*points, strict=True), style, color="C0", label=f"{what}, {rows[0]['steps']} steps")
        last.set(
            xlabel="frames",
            ylabel="RMSE of forces (meV/Å)",
            xscale="log",
            yscale="log",
            title="a smaller complex expert",
        )
        last.set_yticks([100, 150, 200, 300], ["100", "150", "200", "300"])
        last.minorticks_off()
        last.set_xticks([int(row["frames"]) for row in rows], [row["frames"] for row in rows])
        last.legend(fontsize=7)
    figure.tight_layout()
    figure.savefig(args.out, dpi=130)


if __name__ == "__main__":
    main()
