"""The first 185 starting structures of the Pt and Pt+CO training set: 57 of Pt, 64 of CO on Pt, 20 and 44 more.

Their split into training, validation and test is fixed by their names (``frames.py``); structures that are added
later stand in ``wider_*.py`` and have groups of their own, so that the test set stays what it was.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from ase import Atoms
from ase.build import add_adsorbate, bulk, fcc100, fcc111, fcc211, molecule
from start import A0, VACUUM, Start, add_co, periodic, strained, without


def platinum(rng: np.random.Generator) -> Iterator[Start]:
    """Bulk, strained, and defective crystals and surfaces of Pt."""
    cubic = bulk("Pt", cubic=True, a=A0)
    for t in (100, 300, 500, 700, 900):
        yield Start(f"bulk-{t}K", cubic.repeat(2), t, 10, "pt")
    for k in range(20):
        t = (100, 300, 600)[k % 3]
        yield Start(f"bulk-strained-{k:02d}", strained(rng, 2, 0.05), t, 7, "pt")
    for k, scale in enumerate(np.linspace(0.93, 1.08, 12)):
        atoms = cubic.copy()
        atoms.set_cell(atoms.cell * scale, scale_atoms=True)
        yield Start(f"bulk-eos-{k:02d}", atoms, 50, 2, "pt")
    for k in range(12):
        yield Start(f"bulk-shear-{k:02d}", strained(rng, 1, 0.04), 30, 2, "pt")
    for t in (300, 600, 900):
        yield Start(f"vacancy-{t}K", without(cubic.repeat(2), 0), t, 7, "pt")
    for t in (150, 300, 500, 700, 900):
        yield Start(f"fcc111-{t}K", periodic(fcc111("Pt", (2, 2, 7), a=A0, vacuum=VACUUM)), t, 7, "pt")
    for t in (300, 600):
        yield Start(f"fcc111-wide-{t}K", periodic(fcc111("Pt", (3, 3, 4), a=A0, vacuum=VACUUM)), t, 7, "pt")
    for t in (300, 600, 900):
        yield Start(f"fcc100-{t}K", periodic(fcc100("Pt", (2, 2, 6), a=A0, vacuum=VACUUM)), t, 7, "pt")
    for t in (200, 400, 700):
        yield Start(f"fcc211-{t}K", periodic(fcc211("Pt", (3, 3, 4), a=A0, vacuum=VACUUM)), t, 7, "pt")
    for t in (300, 600):
        slab = periodic(fcc111("Pt", (3, 3, 4), a=A0, vacuum=VACUUM))
        yield Start(f"fcc111-vacancy-{t}K", without(slab, len(slab) - 1), t, 7, "pt")
        slab = periodic(fcc111("Pt", (3, 3, 4), a=A0, vacuum=VACUUM))
        add_adsorbate(slab, "Pt", 2.1, "fcc", offset=(1, 1))
        yield Start(f"fcc111-adatom-{t}K", slab, t, 7, "pt")


_HEIGHT = {"ontop": 1.85, "bridge": 1.5, "fcc": 1.35, "hcp": 1.35}


def carbon_monoxide(rng: np.random.Generator) -> Iterator[Start]:
    """CO on flat, stepped and defective Pt surfaces, at several sites and heights, and in the gas."""

    def slab111(size: tuple[int, int, int] = (2, 2, 4)) -> Atoms:
        return periodic(fcc111("Pt", size, a=A0, vacuum=VACUUM + 1))

    for site, height in _HEIGHT.items():
        for t in (150, 300, 500, 800):
            # Small cells are cheap; every second trajectory is a wide, more dilute one.
            slab = slab111((3, 3, 4) if t in (300, 800) else (2, 2, 4))
            add_co(slab, site, height)
            yield Start(f"co-111-{site}-{t}K", slab, t, 8, "co")
    for k in range(12):
        slab = slab111((2, 2, 4) if k % 2 else (3, 3, 3))
        xy = rng.uniform(0, 1, 2) @ slab.cell[:2, :2]
        add_co(slab, xy, rng.uniform(1.7, 3.8), rng.uniform(0, 70), rng.uniform(0, 360))
        yield Start(f"co-111-lifted-{k}", slab, 300, 8, "co")
    for k, height in enumerate((2.4, 3.2, 4.0, 4.8)):
        slab = slab111((2, 2, 3))
        add_co(slab, "ontop", height, rng.uniform(0, 40), rng.uniform(0, 360))
        yield Start(f"co-111-desorbing-{k}", slab, 300, 8, "co")
    for k, (site, height) in enumerate((("ontop", 1.85), ("bridge", 1.45), ("hollow", 1.1))):
        slab = periodic(fcc100("Pt", (2, 2, 5), a=A0, vacuum=VACUUM + 1))
        add_co(slab, site, height)
        yield Start(f"co-100-{site}", slab, (300, 500, 700)[k], 8, "co")
    for k in range(6):
        slab = periodic(fcc211("Pt", (3, 3, 3), a=A0, vacuum=VACUUM + 1))
        edge = np.argmax(slab.positions[:, 2])
        xy = slab.positions[edge, :2] + rng.uniform(-1.4, 1.4, 2) * (k > 1)
        add_co(slab, xy, 1.85 if k < 2 else rng.uniform(1.4, 2.0), rng.uniform(0, 25), rng.uniform(0, 360))
        yield Start(f"co-211-{k}", slab, (300, 600)[k % 2], 8, "co")
    for k in range(4):
        slab = slab111((3, 3, 3))
        if k < 2:  # beside a surface vacancy
            add_co(slab, ("bridge", "fcc")[k], 1.6)
            without(slab, 26)
        else:  # on, or beside, an adatom
            add_adsorbate(slab, "Pt", 2.1, "fcc", offset=(1, 1))
            xy = slab.positions[-1, :2] + (k - 2) * rng.uniform(0.8, 1.5, 2)
            slab += Atoms("CO", positions=[[*xy, z] for z in slab.positions[-1, 2] + np.array([1.85, 3.0])])
        yield Start(f"co-111-defect-{k}", slab, (300, 600)[k % 2], 8, "co")
    for k, pair in enumerate((("ontop", "fcc"), ("bridge", "hcp"), ("ontop", "ontop"))):
        slab = slab111((3, 3, 3))
        add_co(slab, pair[0], _HEIGHT[pair[0]])
        add_co(slab, pair[1], _HEIGHT[pair[1]], offset=(1, 1))
        yield Start(f"co-111-pair-{k}", slab, (300, 500, 300)[k], 8, "co")
    for k in range(4):
        gas = molecule("CO")
        gas.set_distance(0, 1, 1.15 + 0.05 * (k - 1.5))
        gas.set_cell([11.0, 11.0, 11.0])
        gas.center()
        yield Start(f"co-gas-{k}", periodic(gas), 900, 8, "co")


def adsorbed(rng: np.random.Generator) -> Iterator[Start]:
    """CO on Pt(111) at 300-600 K, where it will be simulated: any site, also off-site, thin and thick slabs."""
    sites = ("ontop", "bridge", "fcc", "hcp", None)
    for k in range(20):
        slab = periodic(fcc111("Pt", ((3, 3, 4), (2, 2, 6))[k % 2], a=A0, vacuum=VACUUM + 1))
        site = sites[k % len(sites)]
        xy = rng.uniform(0, 1, 2) @ slab.cell[:2, :2]
        add_co(slab, xy if site is None else site, _HEIGHT.get(site, 1.7), rng.uniform(0, 20), rng.uniform(0, 360))
        yield Start(f"co-111-mobile-{k:02d}", slab, (300, 400, 500, 600)[k % 4], 10, "co", "co-111", rattled=True)


def perturbed(rng: np.random.Generator) -> Iterator[Start]:
    """Crystals of Pt that are strained and randomly displaced, not moved: elasticity and phonons."""
    for k in range(24):
        yield Start(f"bulk-rattled-{k:02d}", strained(rng, 2, 0.03), 0, 2, "pt", "pt-perturbed", rattled=True)
    for k in range(20):
        yield Start(f"bulk-elastic-{k:02d}", strained(rng, 1, 0.03), 0, 2, "pt", "pt-perturbed", rattled=True)
