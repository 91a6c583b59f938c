"""A checkpoint without the folders of the machine that trained it: what a package made of it then names are files
of the recipe (data/train-all.xyz), not where they once lay.

    python portable.py outputs/pair/best.ckpt outputs/pair/portable.ckpt
    python portable.py outputs/bulk/best.ckpt weights/bulk.ckpt --weights-only
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import torch

#: What a training needs to go on, and a model does not.
_OF_TRAINING = ("callbacks", "optimizer_states", "lr_schedulers", "loops")
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
    """Copies a checkpoint: weights as they are, paths of its configuration relative to this folder."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--weights-only", action="store_true", help="without what only the same training needs")
    arguments = parser.parse_args()
    checkpoint = torch.load(arguments.checkpoint, map_location="cpu", weights_only=False)
    checkpoint["hyper_parameters"] = relative(checkpoint["hyper_parameters"])
    if arguments.weights_only:
        checkpoint = {key: value for key, value in checkpoint.items() if key not in _OF_TRAINING}
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    torch.save(checkpoint, arguments.out)


if __name__ == "__main__":
    main()
