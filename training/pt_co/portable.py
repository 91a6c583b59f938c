"""A checkpoint without the folders of the machine that trained it: what a package made of it then names are files
of the recipe (data/train-all.xyz), not where they once lay.

    python portable.py outputs/pair/best.ckpt outputs/pair/portable.ckpt
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import torch

HERE = f"{Path(__file__).resolve().parent}/"


def relative(value: Any, folder: str = HERE) -> Any:
    """``value`` with ``folder`` taken off the beginning of every string in it."""
    if isinstance(value, str):
        return value.removeprefix(folder)
    if isinstance(value, dict):
        return {key: relative(entry, folder) for key, entry in value.items()}
    if isinstance(value, list):
        return [relative(entry, folder) for entry in value]
    return value


def main() -> None:
    """Copies a checkpoint: weights and all as they are, paths of its configuration relative to this folder."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("out", type=Path)
    arguments = parser.parse_args()
    checkpoint = torch.load(arguments.checkpoint, map_location="cpu", weights_only=False)
    checkpoint["hyper_parameters"] = relative(checkpoint["hyper_parameters"])
    torch.save(checkpoint, arguments.out)


if __name__ == "__main__":
    main()
