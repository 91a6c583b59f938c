"""What a starting structure is, and the pieces from which ``structures.py`` and the ``wider_*.py`` build theirs.

Every structure is periodic in three dimensions (slabs carry at least 10 A of vacuum), so that one
set of model inputs serves crystals, surfaces and molecules.  Lengths are in angstrom.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from ase import Atoms
from ase.build import add_adsorbate, bulk

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
        rattled: make a randomly displaced copy of every frame as well.
        mover: ``"emt"`` or ``"sampler"`` (the calculator chosen on the command line); default: EMT moves platinum.
        wide: the structure was placed at random: it is relaxed a little before it is moved, its dynamics start at the
            target temperature, and the C-O bonds of its frames are spread over the whole zero-point range.
        strain: largest component of the random strain of each further frame, for structures at 0 K.
    """

    name: str
    atoms: Atoms
    temperature: float
    frames: int
    family: str
    group: str = ""
    rattled: bool = False
    mover: str = ""
    wide: bool = False
    strain: float = 0.02

    def __post_init__(self) -> None:
        self.group = self.group or self.family
        self.mover = self.mover or ("emt" if self.family == "pt" else "sampler")


def periodic(slab: Atoms) -> Atoms:
    """``slab`` itself, periodic in three dimensions."""
    slab.pbc = True
    return slab


def without(atoms: Atoms, index: int | list[int]) -> Atoms:
    """``atoms`` itself, after the atoms of these indices were deleted."""
    del atoms[index]
    return atoms


def deformed(atoms: Atoms, rng: np.random.Generator, amplitude: float) -> Atoms:
    """``atoms`` itself under a random symmetric strain, components up to ``amplitude``."""
    strain = rng.uniform(-amplitude, amplitude, (3, 3))
    atoms.set_cell(atoms.cell @ (np.eye(3) + 0.5 * (strain + strain.T)), scale_atoms=True)
    return atoms


def strained(rng: np.random.Generator, repeat: int, amplitude: float) -> Atoms:
    """Cubic cells of fcc Pt, ``repeat`` along each axis, under a random strain."""
    return deformed(bulk("Pt", cubic=True, a=A0).repeat(repeat), rng, amplitude)


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
