"""Choose which frames of the pool are labelled next.

    python choose.py round-1 --number 1300                                a few of every trajectory
    python choose.py round-2 --number 1700 --committee A.ckpt B.ckpt      where two experts disagree most

Writes ``OUT/selections/NAME.txt``, 'TRAJECTORY FRAME' a line, most valuable first, for ``label.py --selection``; the
committee's disagreement on every frame goes to ``OUT/selections/NAME.csv``.  It is the largest difference of the
forces on an atom (eV/A), over all atoms and over Pt alone; the two orders take turns, so that the stiff C-O bond does
not decide alone.  Frames with a label are left out, and so are more than a few frames of one trajectory.
"""

from __future__ import annotations

import argparse
import csv
import os
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import chain, zip_longest
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from ase import Atoms
from frames import Key, labelled_frames, read_all
from starts import chosen_starts
from tqdm import tqdm

#: Disagreement over all atoms and over Pt, eV/A.
Scores = dict[Key, tuple[float, float]]


def pool(out: Path, names: Iterable[str]) -> Iterator[Atoms]:
    """The unlabelled frames of these trajectories, as far as they are sampled; labelled ones are left out."""
    labelled = set(labelled_frames(out))
    for name in names:
        path = out / "unlabelled" / f"{name}.xyz"
        for frame in read_all(path) if path.exists() else []:
            if key(frame) not in labelled:
                yield frame


def key(frame: Atoms) -> Key:
    """What the frame is known by."""
    return frame.info["trajectory"], int(frame.info["frame"])


def evenly(keys: Iterable[Key]) -> list[Key]:
    """First one frame of every trajectory, then a second one, ...: each time in hashed order."""

    def hashed(key: Key) -> int:
        return zlib.crc32(f"{key[0]}/{key[1]}".encode())

    turn: Counter[str] = Counter()
    ranked = []
    for name, number in sorted(keys, key=hashed):
        turn[name] += 1
        ranked.append((turn[name], hashed((name, number)), (name, number)))
    return [key for _, _, key in sorted(ranked)]


def by_disagreement(scores: Scores, per_trajectory: int) -> list[Key]:
    """In decreasing order of disagreement, over all atoms and over Pt by turns."""
    orders = [sorted(scores, key=lambda key: -scores[key][k]) for k in (0, 1)]
    taken: Counter[str] = Counter()
    chosen: dict[Key, None] = {}
    for candidate in chain.from_iterable(zip_longest(*orders)):
        if candidate not in chosen and taken[candidate[0]] < per_trajectory:
            taken[candidate[0]] += 1
            chosen[candidate] = None
    return list(chosen)


def disagreement(frames: list[Atoms], checkpoints: list[Path], compile: bool) -> Scores:
    """Largest difference of the forces of two experts on each frame, over all atoms and over Pt, eV/A."""
    from moe_ipi import Config, MoEPotential

    paths = {name: {"path": str(path.resolve())} for name, path in zip(("complex", "bulk"), checkpoints, strict=True)}
    config = Config.model_validate({"experts": paths, "regions": {"radius": 0.0}})
    potential = MoEPotential.from_config(config, ["Pt"], compile=compile)
    scores = {}
    for frame in tqdm(frames, desc="disagreement", mininterval=10):
        potential = potential.with_species(frame.get_chemical_symbols())
        nobody = np.zeros(len(frame), bool)
        first, second = (
            potential.evaluate(frame.positions[None], frame.cell.array[None], nobody, frame.pbc, which).forces[0]
            for which in ("complex", "bulk")
        )
        norms = np.linalg.norm(first - second, axis=1)
        scores[key(frame)] = (float(norms.max()), float(norms[frame.numbers == 78].max(initial=0.0)))
    return scores


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", help="of the selection, such as round-1")
    parser.add_argument("--out", type=Path, default=Path("data"))
    parser.add_argument("--number", type=int, default=1300, help="of frames")
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument("--only", help="trajectories whose names match this pattern")
    parser.add_argument("--committee", type=Path, nargs=2, metavar="CHECKPOINT", help="two experts")
    parser.add_argument("--per-trajectory", type=int, default=4, help="at most so many frames, with a committee")
    parser.add_argument("--largest", type=int, default=1000, metavar="ATOMS", help="leave out frames of more atoms")
    parser.add_argument("--eager", action="store_true", help="do not compile the committee")
    args = parser.parse_args()
    names = [s.name for s in chosen_starts(args.seed, args.only)]
    frames = [frame for frame in pool(args.out, names) if len(frame) <= args.largest]
    folder = args.out / "selections"
    folder.mkdir(parents=True, exist_ok=True)
    if args.committee:
        scores = disagreement(frames, args.committee, compile=not args.eager)
        with open(folder / f"{args.name}.csv", "w", newline="") as file:
            rows = [(*k, f"{a:.4f}", f"{pt:.4f}") for k, (a, pt) in scores.items()]
            csv.writer(file).writerows([("trajectory", "frame", "all", "pt"), *rows])
        ranked = by_disagreement(scores, args.per_trajectory)
    else:
        ranked = evenly(key(frame) for frame in frames)
    chosen = ranked[: args.number]
    (folder / f"{args.name}.txt").write_text("".join(f"{name} {number}\n" for name, number in chosen))
    print(f"{len(chosen)} of {len(frames)} frames")


if __name__ == "__main__":
    main()
