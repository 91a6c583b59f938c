"""More surfaces of Pt: flat, open and stepped ones, with adatoms, vacancies, islands and kinks."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from ase import Atoms
from ase.build import bulk, fcc100, fcc110, fcc111, fcc211, surface
from start import A0, VACUUM, Start, periodic, without

GROUP = "wider-surfaces"
#: Distance of neighbouring atoms in fcc Pt, A.
NEIGHBOR = A0 / np.sqrt(2)


def slab(face: str, size: tuple[int, int, int], rng: np.random.Generator, stretch: float = 0.02) -> Atoms:
    """A slab, its cell stretched along the surface by up to ``stretch``.

    Args:
        face: "111", "100", "110", "211", or any other three Miller indices.
        size: as ASE's builders have it; of other faces: cells along x and y, and layers of four atoms a cell.
        rng: draws the strain.
        stretch: largest strain.
    """
    builders = {"111": fcc111, "100": fcc100, "110": fcc110, "211": fcc211}
    vacuum = VACUUM + rng.uniform(0.0, 1.5)
    if face in builders:
        atoms = builders[face]("Pt", size, a=A0, vacuum=vacuum)
    else:
        crystal = bulk("Pt", cubic=True, a=A0)
        atoms = surface(crystal, tuple(map(int, face)), size[2], vacuum=vacuum).repeat((*size[:2], 1))
    strain = np.eye(3)
    strain[0, 0], strain[1, 1] = 1 + rng.uniform(-stretch, stretch, 2)
    atoms.set_cell(atoms.cell @ strain, scale_atoms=True)
    return periodic(atoms)


def top_layer(atoms: Atoms, depth: float = 0.9) -> np.ndarray:
    """Indices of the atoms within ``depth`` A of the highest one."""
    z = atoms.positions[:, 2]
    return np.flatnonzero(z > z.max() - depth)


def images(atoms: Atoms) -> np.ndarray:
    """(25 N, 3) A: the atoms and their periodic images along the surface."""
    i, j = np.meshgrid(np.arange(-2, 3), np.arange(-2, 3))
    shifts = np.stack([i.ravel(), j.ravel()], 1) @ atoms.cell.array[:2]
    return (atoms.positions[None] + shifts[:, None]).reshape(-1, 3)


def resting_height(r: np.ndarray, xy: np.ndarray, contact: float) -> float:
    """Height z (A) at which an atom above ``xy`` (2,) comes within ``contact`` A of the first of the atoms at ``r``."""
    aside = ((r[:, :2] - xy) ** 2).sum(1)
    near = aside < contact**2
    return float((r[near, 2] + np.sqrt(contact**2 - aside[near])).max()) if near.any() else float(r[:, 2].max())


def add_pt(atoms: Atoms, xy: np.ndarray) -> None:
    """Rest one more Pt atom on the slab at ``xy`` (2,), in A."""
    atoms += Atoms("Pt", positions=[[*xy, resting_height(images(atoms), xy, 0.97 * NEIGHBOR)]])


def hollow(atoms: Atoms, rng: np.random.Generator) -> np.ndarray:
    """(2,) A: where an atom of the next layer would rest: the lowest of many random places."""
    trials, r = rng.uniform(0, 1, (60, 2)) @ atoms.cell.array[:2, :2], images(atoms)
    return trials[np.argmin([resting_height(r, xy, 0.97 * NEIGHBOR) for xy in trials])]


def add_island(atoms: Atoms, rng: np.random.Generator, n: int) -> None:
    """Put a compact island of ``n`` atoms on a (111) slab (in place)."""
    first = hollow(atoms, rng)
    a, b = (atoms.cell[k, :2] / np.linalg.norm(atoms.cell[k, :2]) * NEIGHBOR for k in (0, 1))
    hexagon = [0 * a, a, b, b - a, -a, -b, a - b] if np.dot(a, b) > 0 else [0 * a, a, a + b, b, -a, -a - b, -b]
    for shift in hexagon[:n]:
        add_pt(atoms, first + shift)


def kinked(rng: np.random.Generator, layers: int, removed: int) -> Atoms:
    """Pt(211) whose step edge lacks some of its atoms: two kinks in a cell."""
    atoms = slab("211", (3, 3 + layers % 2, layers), rng)
    edge = top_layer(atoms, 0.3)
    return without(atoms, list(edge[:removed]))


def surfaces(rng: np.random.Generator, prefix: str = "w", group: str = GROUP) -> Iterator[Start]:
    """Slabs of 8 to 45 atoms; temperatures up to 1200 K; ``prefix`` begins the names."""

    def start(kind: str, k: int, atoms: Atoms, hottest: float = 1200.0) -> Start:
        mover = "sampler" if k % 3 == 2 else "emt"
        t = rng.uniform(100, hottest)
        return Start(f"{prefix}surface-{kind}-{k:02d}", atoms, t, 6, "pt", group, k % 4 == 1, mover, wide=True)

    flat = ((1, 1, 8), (2, 1, 6), (2, 2, 3), (2, 2, 5), (3, 2, 4), (3, 3, 3))
    for face in ("111", "100", "110"):
        for k in range(18):
            yield start(face, k, slab(face, flat[k % 6], rng, 0.03))
    for face, sizes in (
        ("211", ((3, 2, 3), (3, 3, 3), (3, 3, 4))),
        ("311", ((1, 1, 4), (1, 2, 3))),
        ("331", ((1, 1, 4), (1, 1, 6))),
        ("210", ((1, 2, 4), (1, 2, 3))),
        ("221", ((1, 1, 4), (1, 1, 6))),
    ):
        for k in range(9):
            yield start(face, k, slab(face, sizes[k % len(sizes)], rng))
    for k in range(14):
        yield start("wide", k, slab("111", ((4, 3, 3), (4, 4, 2), (5, 3, 3))[k % 3], rng))
    for k in range(24):
        yield start("kink", k, kinked(rng, 3 + k % 2, 1 + k % 2), 1000.0)
    for k in range(30):
        atoms = slab(("111", "111", "100")[k % 3], ((2, 2, 4), (3, 3, 3), (3, 2, 4))[k // 3 % 3], rng)
        for _ in range(1 + (k % 5 == 4)):
            add_pt(atoms, hollow(atoms, rng) if k % 4 else rng.uniform(0, 1, 2) @ atoms.cell.array[:2, :2])
        yield start("adatom", k, atoms, 900.0)
    for k in range(24):
        atoms = slab(("111", "111", "100")[k % 3], ((3, 3, 3), (2, 2, 5), (3, 3, 4))[k // 3 % 3], rng)
        chosen = rng.choice(top_layer(atoms), 1 + k % 3 if len(top_layer(atoms)) > 4 else 1, replace=False)
        yield start("vacancy", k, without(atoms, [int(i) for i in chosen]), 1000.0)
    for k in range(40):
        n = 2 + k % 6
        atoms = slab("111", (3, 3, 3) if n < 5 else (4, 3, 3), rng)
        add_island(atoms, rng, n)
        yield start("island", k, atoms, 900.0)
