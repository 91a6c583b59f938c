"""More CO: several coverages, any place, at steps, kinks, adatoms, vacancies and islands, desorbing, and in the gas."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from ase import Atoms
from start import Start, periodic, without
from wider_surfaces import add_island, add_pt, hollow, images, kinked, resting_height, slab, top_layer

GROUP = "wider-co"


def place(
    atoms: Atoms,
    rng: np.random.Generator,
    contact: tuple[float, float] = (1.9, 2.2),
    tilt: float = 30.0,
    lift: float = 0.0,
    near: np.ndarray | None = None,
    away: float = 2.7,
) -> bool:
    """Put a CO at random: carbon in contact with the surface, or above it, away from other CO (in place).

    Args:
        atoms: a slab, perhaps with CO.
        rng: draws the place.
        contact: range of the distance from C to the nearest atom below, A.
        tilt: largest angle of the bond to the normal, degrees.
        lift: height above contact, A.
        near: (2,) A: within 2 A of this place; None: anywhere.
        away: smallest distance to C and O of other molecules, A.

    Returns:
        Whether a place was found.
    """
    platinum, others = images(atoms[atoms.numbers == 78]), images(atoms[atoms.numbers != 78])
    own_image = np.linalg.norm(atoms.cell.array[:2], axis=1).min()
    for _ in range(200):
        xy = rng.uniform(0, 1, 2) @ atoms.cell.array[:2, :2] if near is None else near + rng.uniform(-2.0, 2.0, 2)
        c = np.array([*xy, resting_height(platinum, xy, rng.uniform(*contact)) + lift])
        t, phi = np.radians(rng.uniform(0, tilt)), rng.uniform(0, 2 * np.pi)
        o = c + 1.15 * np.array([np.sin(t) * np.cos(phi), np.sin(t) * np.sin(phi), np.cos(t)])
        apart = min([own_image, *(np.linalg.norm(others - x, axis=1).min(initial=9.0) for x in (c, o))])
        if apart > away and np.linalg.norm(platinum - o, axis=1).min() > 1.9:
            atoms += Atoms("CO", positions=[c, o])
            return True
    return False


def gas(rng: np.random.Generator, n: int) -> Atoms:
    """``n`` CO molecules at random in a box."""
    box = Atoms(cell=[rng.uniform(8.0, 10.0)] * 3, pbc=True)
    while len(box) < 2 * n:
        c = rng.uniform(0, box.cell[0, 0], 3)
        axis = rng.normal(size=3)
        trial = box + Atoms("CO", positions=[c, c + 1.14 * axis / np.linalg.norm(axis)])
        others = list(range(len(box)))
        if not others or min(trial.get_distances(len(box) + m, others, mic=True).min() for m in (0, 1)) > 2.8:
            box = trial
    return periodic(box)


def monoxide(rng: np.random.Generator, prefix: str = "w", group: str = GROUP, frames: int = 8) -> Iterator[Start]:
    """CO on slabs of 4 to 40 Pt atoms, 100-900 K; ``prefix`` begins the names."""

    def start(kind: str, k: int, atoms: Atoms) -> Start:
        t = rng.uniform(100, 900)
        return Start(f"{prefix}co-{kind}-{k:02d}", atoms, t, frames, "co", group, rattled=k % 3 == 0, wide=True)

    cells = ((2, 2, 3), (2, 2, 4), (3, 2, 3), (3, 3, 3), (2, 1, 4), (3, 2, 4), (4, 2, 3), (3, 3, 3))
    for k in range(80):
        size = cells[k % 8]
        atoms = slab("111", size, rng)
        for _ in range(1 + rng.integers(0, max(1, round(0.6 * size[0] * size[1])))):
            place(atoms, rng, away=2.4)
        yield start("cover", k, atoms)
    for k in range(40):
        atoms = slab("111", cells[(k + k // 8) % 8], rng)
        place(atoms, rng, (1.8, 2.4), tilt=90.0, lift=rng.uniform(0, 0.8))
        yield start("lifted", k, atoms)
    for k in range(30):
        atoms = slab(("111", "111", "100", "211")[k % 4], ((3, 2, 3), (3, 3, 2), (3, 2, 4))[k % 3], rng)
        place(atoms, rng, tilt=180.0 if k % 2 else 60.0, lift=rng.uniform(0.5, 3.5))
        yield start("desorbing", k, atoms)
    for k in range(12):
        yield start("gas", k, gas(rng, 1 + k % 4))
    for face, count, sizes in (
        ("100", 30, ((2, 2, 3), (2, 2, 4), (3, 2, 3), (3, 3, 3))),
        ("110", 16, ((2, 1, 5), (2, 2, 4), (1, 3, 5))),
        ("211", 40, ((3, 2, 3), (3, 3, 3), (3, 2, 4), (3, 3, 3))),
        ("311", 8, ((1, 1, 4), (1, 2, 3))),
        ("331", 8, ((1, 1, 4), (1, 1, 6))),
        ("221", 8, ((1, 1, 4), (1, 1, 6))),
    ):
        for k in range(count):
            atoms = slab(face, sizes[k % len(sizes)], rng)
            edge = atoms.positions[rng.choice(top_layer(atoms, 0.2)), :2]
            place(atoms, rng, near=edge if k % 2 else None)
            for _ in range(k % 3):
                place(atoms, rng)
            yield start(face, k, atoms)
    for k in range(30):
        atoms = slab(("111", "111", "100")[k % 3], ((2, 2, 3), (3, 3, 3), (3, 2, 3))[k // 3 % 3], rng)
        add_pt(atoms, hollow(atoms, rng))
        _decorate(atoms, rng, k, atoms.positions[-1, :2])
        yield start("adatom", k, atoms)
    for k in range(30):
        atoms = slab(("111", "111", "100")[k % 3], ((3, 3, 3), (3, 2, 4), (2, 2, 4))[k // 3 % 3], rng)
        vacant = int(rng.choice(top_layer(atoms)))
        xy = atoms.positions[vacant, :2].copy()
        _decorate(without(atoms, vacant), rng, k, xy)
        yield start("vacancy", k, atoms)
    for k in range(50):
        n = 2 + k % 6
        atoms = slab("111", (3, 3, 3) if n < 5 else ((4, 3, 3), (4, 4, 2))[k % 2], rng)
        add_island(atoms, rng, n)
        _decorate(atoms, rng, k, atoms.positions[-1, :2])
        yield start("island", k, atoms)
    for k in range(30):
        atoms = kinked(rng, 3, 1 + k % 2)
        _decorate(atoms, rng, k, atoms.positions[rng.choice(top_layer(atoms, 0.3)), :2])
        yield start("kink", k, atoms)


def _decorate(atoms: Atoms, rng: np.random.Generator, k: int, defect: np.ndarray) -> None:
    """One to three CO, the first near the defect at ``defect`` (2,) A."""
    place(atoms, rng, near=defect)
    for _ in range((0, 1, 0, 2)[k % 4]):
        place(atoms, rng)
