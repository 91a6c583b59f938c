"""How the error falls with the number of frames: the same small expert, trained on parts of them.

    python part.py cut --out data --of 8 4 2             data/part-8.xyz ...: an eighth of the trajectories ...
    python part.py table outputs/part-{8,4,2,1} --out data --csv curves/frames.csv

A part holds whole trajectories, drawn from all of them; the smaller part is in the larger.  The table has one line for
each training: frames, and the errors of its last validation (:mod:`curves`).
"""

from __future__ import annotations

import argparse
import csv
import hashlib
from collections.abc import Sequence
from pathlib import Path

from curves import learning_curve
from frames import read_all, write_whole

COLUMNS = ("frames", "steps", "co_force", "pt_force", "train_force")


def path_of(out: Path, part: int) -> Path:
    """The training frames of a part; ``1`` is all of them."""
    return out / ("train-all.xyz" if part == 1 else f"part-{part}.xyz")


def cut(out: Path, parts: Sequence[int]) -> None:
    """Write every part."""
    frames = read_all(path_of(out, 1))
    names = {frame.info["trajectory"] for frame in frames}
    order = sorted(names, key=lambda name: hashlib.sha256(f"part {name}".encode()).hexdigest())
    for part in parts:
        chosen = set(order[: round(len(order) / part)])
        write_whole(path_of(out, part), [frame for frame in frames if frame.info["trajectory"] in chosen])


def lines(runs: Sequence[Path], out: Path) -> list[dict[str, str]]:
    """A line for each training; its folder's name ends in its part."""
    found = []
    for run in runs:
        frames = len(read_all(path_of(out, int(run.name.rsplit("-", 1)[1]))))
        found.append({"frames": str(frames), **learning_curve(run, ("co", "pt"))[-1]})
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("command", choices=("cut", "table"))
    parser.add_argument("runs", nargs="*", type=Path, help="folders of the trainings")
    parser.add_argument("--out", type=Path, default=Path("data"))
    parser.add_argument("--of", nargs="+", type=int, default=[8, 4, 2])
    parser.add_argument("--csv", type=Path, default=Path("curves/frames.csv"))
    args = parser.parse_args()
    if args.command == "cut":
        cut(args.out, args.of)
        return
    with open(args.csv, "w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, restval="", extrasaction="ignore")
        writer.writeheader()
        writer.writerows(lines(args.runs, args.out))
    print(args.csv.read_text(), end="")


if __name__ == "__main__":
    main()
