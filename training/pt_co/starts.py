"""All starting structures, in a fixed order, and the choice of some by name."""

from __future__ import annotations

from fnmatch import fnmatch

import numpy as np
from start import Start
from structures import adsorbed, carbon_monoxide, perturbed, platinum
from wider_again import again
from wider_crystals import crystals
from wider_monoxide import monoxide
from wider_surfaces import surfaces

#: A kind's place decides its random numbers: new kinds are added at the end.
KINDS = (platinum, carbon_monoxide, adsorbed, perturbed, crystals, surfaces, monoxide, again)


def all_starts(seed: int = 2026) -> list[Start]:
    """Every starting structure, in a fixed order (same seed, same structures)."""
    return [start for k, kind in enumerate(KINDS) for start in kind(np.random.default_rng(seed + k))]


def chosen_starts(seed: int, pattern: str | None) -> list[Start]:
    """The starting structures whose names match ``pattern`` (several patterns: separated by commas); None: all."""
    patterns = pattern.split(",") if pattern else ["*"]
    chosen = [s for s in all_starts(seed) if any(fnmatch(s.name, p) for p in patterns)]
    if not chosen:
        raise SystemExit(f"no trajectory matches '{pattern}'; structures.py and wider_*.py name them")
    return chosen
