"""The learning curve of a training, over all its sittings.

    python curves.py outputs/complex curves/complex.csv

Reads the logs of ``nequip-train`` and writes one line for each validation: steps, root-mean-square errors of force
components (meV/A), of the energy per atom (meV) and of stress components (meV/A^3) of the averaged weights on the
validation frames with CO and on those of Pt alone, and the mean force error of the training steps before (meV/A).
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

#: Column of the curve: column of the log, by the number of the validation set.
ERRORS = {"force": "forces_rmse", "energy": "per_atom_energy_rmse", "stress": "stress_rmse"}


def learning_curve(run: Path, sets: tuple[str, str]) -> list[dict[str, str]]:
    """The lines of the curve, ordered by steps; of a stretch that was trained twice the later values count."""
    lines: dict[int, dict[str, str]] = {}
    logs = sorted(run.glob("lightning_logs/version_*/metrics.csv"), key=lambda path: int(path.parent.name[8:]))
    for path in logs:
        with open(path) as file:
            for row in csv.DictReader(file):
                line = lines.setdefault(int(row["step"]) + 1, {"steps": str(int(row["step"]) + 1)})
                for k, name in enumerate(sets):
                    for short, long in ERRORS.items():
                        value = row.get(f"val{k}_epoch/{long}")
                        if value:
                            line[f"{name}_{short}"] = f"{1000 * float(value):.2f}"
                if row.get("train_loss_epoch/forces_mse"):
                    line["train_force"] = f"{1000 * float(row['train_loss_epoch/forces_mse']) ** 0.5:.2f}"
    return [lines[steps] for steps in sorted(lines) if len(lines[steps]) > 2]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path, help="folder of the training")
    parser.add_argument("csv", type=Path, help="file to write")
    parser.add_argument("--sets", nargs=2, default=("co", "pt"), help="validation sets, in the config's order")
    args = parser.parse_args()
    lines = learning_curve(args.run, tuple(args.sets))
    if not lines:
        parser.error(f"there is no validation in the logs below {args.run}")
    columns = ["steps", *(f"{name}_{short}" for name in args.sets for short in ERRORS), "train_force"]
    args.csv.parent.mkdir(parents=True, exist_ok=True)
    with open(args.csv, "w", newline="") as file:
        writer = csv.DictWriter(file, columns, restval="")
        writer.writeheader()
        writer.writerows(lines)
    print(",".join(columns), ",".join(lines[-1].get(c, "") for c in columns), sep="\n")


if __name__ == "__main__":
    main()
