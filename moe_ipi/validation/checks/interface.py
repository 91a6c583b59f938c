"""Interface stress: a perfect crystal in which the experts meet."""

from __future__ import annotations

import warnings

import numpy as np
from ase import Atoms, units
from ase.filters import FrechetCellFilter
from ase.optimize import BFGS

from moe_ipi.cell import fractional, heights
from moe_ipi.properties.crystal import repeated
from moe_ipi.typing import BoolArray, FloatArray
from moe_ipi.validation.binning import by_bins, rms, with_gaps
from moe_ipi.validation.checks.eos import NO_CRYSTAL
from moe_ipi.validation.result import Check, Curve, Plot, Quantity, Row, Table
from moe_ipi.validation.subject import Subject

#: Largest spurious force at 0 K, meV/A; largest strain after relaxation, %.
FORCE, STRAIN = 10.0, 0.1
REMEDY = (
    "The experts disagree on the perfect crystal: train the pair, or for longer, with larger coefficients of "
    "{terms} (training/README.md). A larger region only moves the interface away."
)
#: A: the slab is at least so wide.
WIDTH = 7.0
#: Standard deviation of displacements in the rattled crystal, A.
RATTLE = 0.05
#: Positions (A) and values.
_Profile = tuple[tuple[float, ...], tuple[float, ...]]


def check(subject: Subject) -> Check:
    """Forces and stress that exist only because two experts meet."""
    result = Check(
        "interface",
        "Interface stress",
        "Every atom of a perfect crystal is in equilibrium, so any force where two experts meet is spurious. A crystal "
        "is divided by a plane, and a ball is cut out of another; then positions and cell relax.",
    )
    if subject.config.validation is None:
        result.skipped = NO_CRYSTAL
        return result
    rows: list[Row] = []
    measured: list[tuple[float, ...]] = []
    profiles = []
    for name, atoms, mask, depth in _scenes(subject):
        numbers, profile = _measure(subject, atoms, mask, depth)
        measured.append(tuple(round(v, 4) for v in numbers))
        rows.append((name, len(atoms), int(mask.sum()), *measured[-1]))
        profiles.append((name, profile))
    worst = [max(values) for values in zip(*measured, strict=True)]
    result.quantities = [
        Quantity(
            "largest spurious force at 0 K",
            worst[0],
            "meV/Å",
            FORCE,
            judged=not subject.quick,
            remedy=REMEDY.format(terms="agreement_seam and crystal_seam"),
        ),
        Quantity(
            "largest strain after relaxation",
            worst[3],
            "%",
            STRAIN,
            judged=not subject.quick,
            remedy=REMEDY.format(terms="agreement_stress and crystal_stress"),
        ),
        Quantity("largest stress at 0 K", worst[1], "GPa", note="at the complex expert's lattice parameter"),
        Quantity("largest displacement after relaxation", worst[2], "Å"),
    ]
    columns = ("interface", "atoms", "complex", "force, meV/Å", "stress, GPa", "displacement, Å", "strain, %")
    result.tables.append(Table("Perfect crystal with two experts", columns, tuple(rows)))
    curves = tuple(Curve(name, x, y, "both") for name, ((x, y), _) in profiles)
    result.plots.append(
        Plot("Spurious forces in the perfect crystal", "distance from the interface, Å", "largest force, meV/Å", curves)
    )
    curves = tuple(Curve(name, x, y, "both") for name, (_, (x, y)) in profiles)
    title = f"Two experts against the complex expert alone, atoms displaced by {RATTLE} Å"
    result.plots.append(Plot(title, "distance from the interface, Å", "RMS of force difference, meV/Å", curves))
    return result


def _scenes(subject: Subject) -> list[tuple[str, Atoms, BoolArray, FloatArray]]:
    """(name, crystal, assignment, distance of each atom from the interface in A)."""
    cutoff = max(subject.potential.complex.cutoff, subject.potential.bulk.cutoff)
    unit = subject.perfect("complex")
    a, b, c = heights(unit.cell.array)
    # Each half is thicker than two cutoffs, so that the two planes do not see each other.
    length = int(np.ceil((2 * cutoff if subject.quick else 4 * cutoff) / a)) + 1
    slab = unit.repeat((length, int(np.ceil(WIDTH / b)), int(np.ceil(WIDTH / c))))
    gap = _gap(unit)
    # In cells, from the first of the two planes on; the other is a whole number of cells away.
    depth = fractional(slab.positions, unit.cell.array)[:, 0] - gap
    depth -= length * np.floor(depth / length)
    half = length // 2
    edges = a * np.abs(np.array([depth, depth - half, depth - length])).min(axis=0)
    scenes = [("plane", slab, depth < half, edges)]
    ball = repeated(unit, 2 * cutoff + (2.0 if subject.quick else 8.0))
    radius = 0.35 * float(heights(ball.cell.array).min())
    distance = ball.get_distances(0, np.arange(len(ball)), mic=True)
    return [*scenes, ("ball", ball, distance < radius, np.abs(distance - radius))]


def _gap(unit: Atoms) -> float:
    """Where a plane leaves most room to the atoms on both sides, in fractions of the first lattice vector."""
    x = np.sort(np.round(unit.get_scaled_positions()[:, 0], 6) % 1.0)
    widths = np.diff(x, append=x[0] + 1.0)
    last = len(widths) - 1 - int(np.round(widths, 6)[::-1].argmax())
    return float(x[last] + widths[last] / 2)


def _measure(
    subject: Subject, atoms: Atoms, mask: BoolArray, depth: FloatArray
) -> tuple[tuple[float, float, float, float], tuple[_Profile, _Profile]]:
    """(force, stress, displacement, strain) and the two profiles."""
    calculator = subject.mixed(mask)
    atoms = atoms.copy()
    atoms.calc = calculator
    forces = 1000 * np.linalg.norm(atoms.get_forces(), axis=1)
    stress = float(np.abs(atoms.get_stress()).max() / units.GPa)
    profile = with_gaps(by_bins(depth, forces, np.max))
    displaced = atoms.copy()
    displaced.positions += np.random.default_rng(subject.seed).normal(0, RATTLE, (len(atoms), 3))
    two = displaced.copy()
    two.calc = calculator
    one = displaced.copy()
    one.calc = subject.calculator("complex")
    difference = 1000 * (two.get_forces() - one.get_forces())
    noise = with_gaps(by_bins(depth, difference, rms))
    relaxed = atoms.copy()
    relaxed.calc = calculator
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # scipy's logm of a strain of 1e-4
        whole = FrechetCellFilter(relaxed)  # stands for atoms, which ASE's types do not say
        BFGS(whole, logfile=None).run(fmax=1e-3, steps=20 if subject.quick else 100)  # type: ignore[arg-type]
    strain = np.linalg.solve(atoms.cell.array, relaxed.cell.array) - np.eye(3)
    moved = relaxed.get_scaled_positions(wrap=False) - atoms.get_scaled_positions(wrap=False)
    moved = (moved - moved.mean(axis=0)) @ relaxed.cell.array
    numbers = (
        float(forces.max()),
        stress,
        float(np.linalg.norm(moved, axis=1).max()),
        100 * float(np.abs(0.5 * (strain + strain.T)).max()),
    )
    return numbers, (profile, noise)
