"""The one builder of slabs for the whole suite."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from ase import Atoms
from ase.build import add_adsorbate, fcc111


def co() -> Atoms:
    """A CO molecule along z, C at the origin."""
    return Atoms("CO", positions=[[0, 0, 0], [0, 0, 1.15]])


def slab(
    size: tuple[int, int, int],
    *,
    adsorbate: Atoms | str | None = None,
    height: float = 1.85,
    site: str = "ontop",
    face: Callable[..., Atoms] = fcc111,
    element: str = "Pt",
    a: float = 3.92,
    vacuum: float | None = 6.0,
    rattle: float = 0.0,
    seed: int = 1,
) -> Atoms:
    """An fcc slab, periodic in three dimensions, perhaps with something ``height`` A above it, perhaps rattled."""
    atoms = face(element, size, a=a, vacuum=vacuum, periodic=True)
    if adsorbate is not None:
        add_adsorbate(atoms, adsorbate, height, site)
    atoms.info.clear()
    if rattle:
        atoms.rattle(rattle, seed=seed)
    return atoms


def co_on_pt(
    size: tuple[int, int, int] = (2, 2, 3), *, a: float = 3.977, vacuum: float = 5.0, rattle: float = 0.08, **more
) -> Atoms:
    """CO on Pt(111), rattled unless told otherwise; C and O are the last two atoms."""
    return slab(size, adsorbate=co(), a=a, vacuum=vacuum, rattle=rattle, **more)


def raised(atoms: Atoms, height: float) -> Atoms:
    """The slab with its CO further away from it."""
    atoms = atoms.copy()
    atoms.positions[-2:, 2] += height
    return atoms


def displaced(atoms: Atoms, seed: int, sigma: float = 0.05) -> Atoms:
    """A copy with normally distributed displacements."""
    atoms = atoms.copy()
    atoms.positions += np.random.default_rng(seed).normal(0, sigma, atoms.positions.shape)
    return atoms


def random_mask(n: int, seed: int, fraction: float = 0.4) -> np.ndarray:
    """A random assignment with at least one atom of each kind."""
    mask = np.random.default_rng(seed).random(n) < fraction
    mask[0], mask[-1] = True, False
    return mask
