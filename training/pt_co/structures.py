"""Starting structures of the Pt and Pt+CO training set.

Every structure is periodic in three dimensions (slabs carry at least 10 A of vacuum), so that one
set of model inputs serves crystals, surfaces and molecules.  Lengths are in angstrom.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatch

import numpy as np
from ase import Atoms
from ase.build import add_adsorbate, bulk, fcc100, fcc111, fcc211, molecule

#: Lattice parameter of fcc Pt under the teacher (SevenNet-l3i5), A.
A0 = 3.977
#: Vacuum on each side of a slab, A.
VACUUM = 6.0


@dataclass
class Start:
    """One starting structure and how it is to be sampled.

    Attributes:
        name: unique name; also the name of the trajectory, the unit of the train/test split.
        atoms: the structure.
        temperature: target temperature of the sampling, K.
        frames: number of frames to keep.
        family: ``"pt"`` (platinum alone) or ``"co"``.
        group: trajectories of one group are split among training, validation and test together.
        rattled: label a randomly displaced copy of every frame as well.
    """

    name: str
    atoms: Atoms
    temperature: float
    frames: int
    family: str
    group: str = ""
    rattled: bool = False

    def __post_init__(self) -> None:
        self.group = self.group or self.family


def _periodic(slab: Atoms) -> Atoms:
    slab.pbc = True
    return slab


def add_co(
    slab: Atoms,
    site: str | np.ndarray,
    height: float,
    tilt: float = 0.0,
    azimuth: float = 0.0,
    offset: tuple[int, int] = (0, 0),
) -> None:
    """Put CO, carbon down, ``height`` A above a site that ASE names (or an xy position in A).

    ``tilt`` and ``azimuth`` of the bond are in degrees; ``offset`` counts surface unit cells.
    """
    t, phi = np.radians([tilt, azimuth])
    axis = np.array([np.sin(t) * np.cos(phi), np.sin(t) * np.sin(phi), np.cos(t)])
    co = Atoms("CO", positions=[np.zeros(3), 1.15 * axis])
    if isinstance(site, str):
        add_adsorbate(slab, co, height, site, offset=offset)
    else:
        add_adsorbate(slab, co, height, tuple(site))


def _strained(rng: np.random.Generator, repeat: int, amplitude: float) -> Atoms:
    atoms = bulk("Pt", cubic=True, a=A0).repeat(repeat)
    strain = rng.uniform(-amplitude, amplitude, (3, 3))
    atoms.set_cell(atoms.cell @ (np.eye(3) + 0.5 * (strain + strain.T)), scale_atoms=True)
    return atoms


def _without(atoms: Atoms, index: int) -> Atoms:
    del atoms[index]
    return atoms


def platinum(rng: np.random.Generator) -> Iterator[Start]:
    """Bulk, strained, and defective crystals and surfaces of Pt."""
    cubic = bulk("Pt", cubic=True, a=A0)
    for t in (100, 300, 500, 700, 900):
        yield Start(f"bulk-{t}K", cubic.repeat(2), t, 10, "pt")
    for k in range(20):
        t = (100, 300, 600)[k % 3]
        yield Start(f"bulk-strained-{k:02d}", _strained(rng, 2, 0.05), t, 7, "pt")
    for k, scale in enumerate(np.linspace(0.93, 1.08, 12)):
        atoms = cubic.copy()
        atoms.set_cell(atoms.cell * scale, scale_atoms=True)
        yield Start(f"bulk-eos-{k:02d}", atoms, 50, 2, "pt")
    for k in range(12):
        yield Start(f"bulk-shear-{k:02d}", _strained(rng, 1, 0.04), 30, 2, "pt")
    for t in (300, 600, 900):
        yield Start(f"vacancy-{t}K", _without(cubic.repeat(2), 0), t, 7, "pt")
    for t in (150, 300, 500, 700, 900):
        yield Start(f"fcc111-{t}K", _periodic(fcc111("Pt", (2, 2, 7), a=A0, vacuum=VACUUM)), t, 7, "pt")
    for t in (300, 600):
        yield Start(f"fcc111-wide-{t}K", _periodic(fcc111("Pt", (3, 3, 4), a=A0, vacuum=VACUUM)), t, 7, "pt")
    for t in (300, 600, 900):
        yield Start(f"fcc100-{t}K", _periodic(fcc100("Pt", (2, 2, 6), a=A0, vacuum=VACUUM)), t, 7, "pt")
    for t in (200, 400, 700):
        yield Start(f"fcc211-{t}K", _periodic(fcc211("Pt", (3, 3, 4), a=A0, vacuum=VACUUM)), t, 7, "pt")
    for t in (300, 600):
        slab = _periodic(fcc111("Pt", (3, 3, 4), a=A0, vacuum=VACUUM))
        yield Start(f"fcc111-vacancy-{t}K", _without(slab, len(slab) - 1), t, 7, "pt")
        slab = _periodic(fcc111("Pt", (3, 3, 4), a=A0, vacuum=VACUUM))
        add_adsorbate(slab, "Pt", 2.1, "fcc", offset=(1, 1))
        yield Start(f"fcc111-adatom-{t}K", slab, t, 7, "pt")


_HEIGHT = {"ontop": 1.85, "bridge": 1.5, "fcc": 1.35, "hcp": 1.35}


def carbon_monoxide(rng: np.random.Generator) -> Iterator[Start]:
    """CO on flat, stepped and defective Pt surfaces, at several sites and heights, and in the gas."""

    def slab111(size: tuple[int, int, int] = (2, 2, 4)) -> Atoms:
        return _periodic(fcc111("Pt", size, a=A0, vacuum=VACUUM + 1))

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
        slab = _periodic(fcc100("Pt", (2, 2, 5), a=A0, vacuum=VACUUM + 1))
        add_co(slab, site, height)
        yield Start(f"co-100-{site}", slab, (300, 500, 700)[k], 8, "co")
    for k in range(6):
        slab = _periodic(fcc211("Pt", (3, 3, 3), a=A0, vacuum=VACUUM + 1))
        edge = np.argmax(slab.positions[:, 2])
        xy = slab.positions[edge, :2] + rng.uniform(-1.4, 1.4, 2) * (k > 1)
        add_co(slab, xy, 1.85 if k < 2 else rng.uniform(1.4, 2.0), rng.uniform(0, 25), rng.uniform(0, 360))
        yield Start(f"co-211-{k}", slab, (300, 600)[k % 2], 8, "co")
    for k in range(4):
        slab = slab111((3, 3, 3))
        if k < 2:  # beside a surface vacancy
            add_co(slab, ("bridge", "fcc")[k], 1.6)
            _without(slab, 26)
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
        yield Start(f"co-gas-{k}", _periodic(gas), 900, 8, "co")


def adsorbed(rng: np.random.Generator) -> Iterator[Start]:
    """CO on Pt(111) at 300-600 K, where it will be simulated: any site, also off-site, thin and thick slabs."""
    sites = ("ontop", "bridge", "fcc", "hcp", None)
    for k in range(20):
        slab = _periodic(fcc111("Pt", ((3, 3, 4), (2, 2, 6))[k % 2], a=A0, vacuum=VACUUM + 1))
        site = sites[k % len(sites)]
        xy = rng.uniform(0, 1, 2) @ slab.cell[:2, :2]
        add_co(slab, xy if site is None else site, _HEIGHT.get(site, 1.7), rng.uniform(0, 20), rng.uniform(0, 360))
        yield Start(f"co-111-mobile-{k:02d}", slab, (300, 400, 500, 600)[k % 4], 10, "co", "co-111", rattled=True)


def perturbed(rng: np.random.Generator) -> Iterator[Start]:
    """Crystals of Pt that are strained and randomly displaced, not moved: elasticity and phonons."""
    for k in range(24):
        yield Start(f"bulk-rattled-{k:02d}", _strained(rng, 2, 0.03), 0, 2, "pt", "pt-perturbed", rattled=True)
    for k in range(20):
        yield Start(f"bulk-elastic-{k:02d}", _strained(rng, 1, 0.03), 0, 2, "pt", "pt-perturbed", rattled=True)


def all_starts(seed: int = 2026) -> list[Start]:
    """Every starting structure, in a fixed order (same seed, same structures)."""
    kinds = (platinum, carbon_monoxide, adsorbed, perturbed)
    return [start for k, kind in enumerate(kinds) for start in kind(np.random.default_rng(seed + k))]


def chosen_starts(seed: int, pattern: str | None) -> list[Start]:
    """The starting structures whose names match ``pattern`` (several patterns: separated by commas); None: all."""
    patterns = pattern.split(",") if pattern else ["*"]
    chosen = [s for s in all_starts(seed) if any(fnmatch(s.name, p) for p in patterns)]
    if not chosen:
        raise SystemExit(f"no trajectory matches '{pattern}'; structures.py names them")
    return chosen
