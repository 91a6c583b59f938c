"""The config of ``nequip-train``: :file:`recipe.yaml` beside this file, filled."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from omegaconf import OmegaConf

from moe_ipi.config import ValidationConfig
from moe_ipi.distill.source import Source
from moe_ipi.edges import full_list

#: Most steps between two validations and checkpoints, atoms in a step.
_EPOCH, _ATOMS = 500, 50
#: Atoms in a rattled cell, about.
_RATTLED = 32
_LOSS = {
    "bulk_energy": 50.0,
    "bulk_forces": 1.0,
    "bulk_stress": 500.0,
    "everywhere_forces": 0.1,
    "mixed_forces": 0.5,
    "agreement_energy": 20.0,
    "agreement_forces": 1.0,
    "agreement_stress": 100.0,
    "agreement_seam": 2.0,
}
_OF_CRYSTALS = {"crystal_energy": 1000.0, "crystal_stress": 2000.0, "crystal_seam": 100.0}
#: What decides which of the validated experts is the best one.
_METRICS = {
    "bulk_forces": 1.0,
    "mixed_forces": 1.0,
    "agreement_energy": 3.0,
    "agreement_forces": 0.5,
    "agreement_stress": 20.0,
    "agreement_seam": 1.0,
}
_CRYSTAL_METRICS = {"crystal_energy": 20.0, "crystal_stress": 40.0, "crystal_seam": 5.0}


@dataclass(frozen=True)
class Size:
    """The bulk expert and its training.

    Attributes:
        cutoff: A; ``None``: that of the model.
        layers, degree, scalars, tensors: of Allegro: layers, l_max, scalar and tensor features.
        steps: of the optimiser.
        batch: frames in a step; ``None``: so many that they have about 50 atoms.
        seed: of everything random.
        compile: compile the experts for the training (minutes, once).
    """

    cutoff: float | None = None
    layers: int = 1
    degree: int = 2
    scalars: int = 24
    tensors: int = 12
    steps: int = 10_000
    batch: int | None = None
    seed: int = 1
    compile: bool = False


def recipe_text(
    source: Source,
    file: str,
    size: Size,
    training: list[Atoms],
    *,
    regions: dict[str, Any],
    cells: dict[str, Any] | None,
) -> str:
    """The config.

    Args:
        source: the complex expert.
        file: the copy of its file in the folder of the training.
        size: of the bulk expert.
        training: the frames.
        regions: which atoms are complex, as in a config.
        cells: see :func:`unlabelled_cells`.
    """
    cutoff = size.cutoff or source.expert.cutoff
    batch = min(size.batch or max(1, round(_ATOMS * len(training) / sum(map(len, training)))), len(training))
    # Lightning ends an epoch with the frames: equally long ones, of at most so many steps.
    epochs = -(-size.steps // min(_EPOCH, max(1, len(training) // batch)))
    epoch = -(-size.steps // epochs)
    filled: dict[str, Any] = {
        "type_names": list(source.expert.species),
        "energy_shifts": source.shifts,
        "model_dtype": source.dtype,
        "complex": source.recipe(file),
        "regions": regions,
        "cutoff": cutoff,
        "reach": max(cutoff, source.expert.cutoff),
        "neighbors": round(_neighbors(training, cutoff), 1),
        "layers": size.layers,
        "degree": size.degree,
        "scalars": size.scalars,
        "tensors": size.tensors,
        "steps": epochs * epoch,
        "steps_per_epoch": epoch,
        "batch_size": batch,
        "seed": size.seed,
        "compile": size.compile,
        "unlabelled": cells,
        "loss": _LOSS | (_OF_CRYSTALS if cells else {}),
        "metrics": _METRICS | (_CRYSTAL_METRICS if cells else {}),
    }
    recipe = OmegaConf.load(Path(__file__).with_name("recipe.yaml"))
    return OmegaConf.to_yaml(OmegaConf.merge(recipe, filled))


def unlabelled_cells(crystal: ValidationConfig | None, file: str, cell: Atoms | None) -> dict[str, Any] | None:
    """What makes the crystals of a training.

    Args:
        crystal: on which the experts must agree, if any.
        file: where in the folder of the training its primitive cell is, if it is from a file.
        cell: that cell.
    """
    if crystal is None:
        return None
    if cell is not None:
        # Rattled cells of one element have 8 atoms.
        repeat = 2 if len(cell) <= _RATTLED // 8 else 1
        named = {"structure": file, "repeat": repeat}
    else:
        named = crystal.model_dump(include={"element", "lattice", "lattice_parameter"})
    return {"_target_": "moe_ipi.cotraining.UnlabelledCells", **named}


def _neighbors(frames: list[Atoms], cutoff: float) -> float:
    """Mean number of neighbours of an atom; a sample of frames tells."""
    counts = []
    for atoms in frames[:: -(-len(frames) // 20)]:
        centers = full_list(atoms.positions, atoms.cell.array, (True, True, True), cutoff).centers
        counts.append(np.bincount(centers, minlength=len(atoms)))
    return max(1.0, float(np.concatenate(counts).mean()))
