"""The ``[harvest]`` table: which frames of a run are kept for labelling."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from moe_ipi.config.base import Length, Positive, Table


class HarvestConfig(Table):
    """Frames on which the experts disagree by more than a threshold, on some atom: kept for labelling."""

    energy_threshold: Positive | None = None
    """eV: for what the rules of type ``agreement`` and the draws ask."""
    force_threshold: Positive | None = None
    """eV/A: for what the monitor asks."""
    limit: Annotated[int, Field(ge=1)] = 100
    """Frames in the file, at most."""
    min_steps: Annotated[int, Field(ge=0)] = 1
    """Steps between two kept frames of one system; 0: several beads of one step may be kept."""
    min_distance: Length = 0.3
    """A: at least one of the atoms in question, or a neighbour, is as far from where it is in each kept frame."""

    @model_validator(mode="after")
    def _some_threshold(self) -> HarvestConfig:
        if self.energy_threshold is None and self.force_threshold is None:
            raise ValueError("give energy_threshold (eV), force_threshold (eV/A), or both")
        return self
