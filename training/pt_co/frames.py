"""The labelled frames on disk, and which trajectories are for training, validation and test.

``OUT/unlabelled/NAME.xyz`` holds the frames of one trajectory, ``OUT/labels/*.xyz`` labelled frames in any order.
A frame is known by its trajectory and its number there (``trajectory`` and ``frame`` in the extxyz header).
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.io import read, write
from start import Start

#: A frame: its trajectory, and its number there.
Key = tuple[str, int]


def write_whole(path: Path, frames: list[Atoms]) -> None:
    """Write an extxyz file that appears only when it is complete; no frames: an empty file."""
    partial = path.with_suffix(".partial")
    partial.write_text("")
    if frames:
        write(partial, frames, format="extxyz")
    partial.rename(path)


def read_all(path: Path) -> list[Atoms]:
    """The frames of a file that may be empty."""
    return read(path, index=":") if path.stat().st_size else []


def given_trajectories(out: Path) -> set[str]:
    """The trajectories of the test set that came with the recipe (``make data``): ``OUT/labels/test.xyz``."""
    path = out / "labels" / "test.xyz"
    return set(re.findall(r"trajectory=(\S+)", path.read_text())) if path.exists() else set()


def labelled_frames(out: Path) -> dict[Key, Atoms]:
    """All labelled frames; those of the test set that came with the recipe are numbered in their order."""
    found: dict[Key, Atoms] = {}
    for path in sorted((out / "labels").glob("*.xyz")):
        counts: dict[str, int] = {}
        for frame in read_all(path):
            name = frame.info["trajectory"]
            number = frame.info.setdefault("frame", counts.get(name, 0))
            counts[name] = number + 1
            found[name, int(number)] = frame
    return found


def assign_parts(starts: list[Start]) -> dict[str, str]:
    """``train``, ``val`` or ``test`` for each trajectory of each group, in hashed order.

    75/10/15 %; groups that came later (``wider-*``): 92/8/0 %, so that the test set stays what it was, and those of the
    third round (``again-*``): 100/0/0 %, so that the errors on the validation frames compare as well.
    """
    parts = {}
    for group in sorted({s.group for s in starts}):
        names = [s.name for s in starts if s.group == group]
        names.sort(key=lambda name: hashlib.sha256(name.encode()).hexdigest())
        shares = (
            (0.0, 0.0) if group.startswith("again-") else (0.0, 0.08) if group.startswith("wider-") else (0.15, 0.10)
        )
        test, val = (round(share * len(names)) for share in shares)
        parts |= {n: "test" if k < test else "val" if k < test + val else "train" for k, n in enumerate(names)}
    return parts


def split(out: Path, starts: list[Start]) -> None:
    """Write ``{train,val,test}-{pt,co,all,mix}.xyz``; a trajectory falls whole into one part.

    ``mix`` is for the bulk expert: all of Pt and every fourth CO frame, enough to keep it sane near CO.
    """
    part_of, order = assign_parts(starts), {s.name: k for k, s in enumerate(starts)}
    labelled = labelled_frames(out)
    parts: dict[str, list[Atoms]] = {}
    seen: dict[str, int] = {}
    for name, number in sorted((key for key in labelled if key[0] in order), key=lambda key: (order[key[0]], key[1])):
        frame = labelled[name, number]
        family, place = frame.info["family"], seen.get(name, 0)
        seen[name] = place + 1
        for key in (family, "all", *(["mix"] if family == "pt" or place % 4 == 0 else [])):
            parts.setdefault(f"{part_of[name]}-{key}", []).append(frame)
    for name, frames in sorted(parts.items()):
        write_whole(out / f"{name}.xyz", frames)
        rms = np.sqrt(np.mean(np.concatenate([f.get_forces().ravel() for f in frames]) ** 2))
        print(f"{name:10s} {len(frames):4d} frames {sum(map(len, frames)):6d} atoms  RMS force {1000 * rms:7.1f} meV/A")
