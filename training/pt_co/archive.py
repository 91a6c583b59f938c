"""The labelled frames in the repository: ``frames/*.xyz.xz``, and today's test set.

    python archive.py unpack --out data             labels from the repository, and their split
    python archive.py pack NAME --out data          frames/NAME.xyz.xz from OUT/labels/NAME-*.xyz

Unpacking never overwrites: labels that were made here stay.
"""

from __future__ import annotations

import argparse
import io
import lzma
import re
from pathlib import Path

from ase.io import write
from frames import read_all, split
from starts import all_starts

FRAMES = Path(__file__).parent / "frames"


def pack(name: str, out: Path, frames: Path = FRAMES) -> Path:
    """Compress the labels of the selection ``name`` into one file; the numbers stay as they are."""
    labelled = [frame for path in sorted((out / "labels").glob(f"{name}-*.xyz")) for frame in read_all(path)]
    if not labelled:
        raise SystemExit(f"there are no labels of the selection '{name}' in {out / 'labels'}")
    labelled.sort(key=lambda frame: (frame.info["trajectory"], frame.info["frame"]))
    text = io.StringIO()
    write(text, labelled, format="extxyz")
    # Positions and forces have five decimals; ASE writes eight, in wide columns.
    short = re.sub(r"(\.\d{5})000\b", r"\1", re.sub(r" {2,}", " ", text.getvalue()))
    frames.mkdir(exist_ok=True)
    target = frames / f"{name}.xyz.xz"
    target.write_bytes(lzma.compress(short.encode(), preset=9 | lzma.PRESET_EXTREME))
    print(f"{target}: {len(labelled)} frames, {target.stat().st_size / 1e6:.2f} MB")
    return target


def unpack(out: Path, test: Path, frames: Path = FRAMES) -> None:
    """Put the frames of the repository and the test set into ``OUT/labels``."""
    (out / "labels").mkdir(parents=True, exist_ok=True)
    for path in sorted(frames.glob("*.xyz.xz")):
        name = path.name.removesuffix(".xyz.xz")
        if not any((out / "labels").glob(f"{name}-*.xyz")):
            partial = out / "labels" / f"{name}.partial"
            partial.write_bytes(lzma.decompress(path.read_bytes()))
            partial.rename(out / "labels" / f"{name}-all.xyz")
    if not (out / "labels" / "test.xyz").exists():
        (out / "labels" / "test.xyz").write_text(test.read_text())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("command", choices=("pack", "unpack"))
    parser.add_argument("name", nargs="?", help="the selection to pack")
    parser.add_argument("--out", type=Path, default=Path("data"))
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument("--test", type=Path, default=Path(__file__).parents[2] / "moe_ipi/models/pt-co/test.xyz")
    args = parser.parse_args()
    if args.command == "pack":
        if args.name is None:
            parser.error("pack needs the name of a selection, such as round-1")
        pack(args.name, args.out)
    else:
        unpack(args.out, args.test)
        split(args.out, all_starts(args.seed))


if __name__ == "__main__":
    main()
