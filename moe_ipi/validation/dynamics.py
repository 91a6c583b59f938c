"""Drift of the energy in NVE dynamics: full complex expert, both experts, and force mixing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from ase import Atoms, units
from ase.calculators.calculator import Calculator
from ase.md.langevin import Langevin
from ase.md.velocitydistribution import MaxwellBoltzmannDistribution, Stationary
from ase.md.verlet import VelocityVerlet

from moe_ipi.report.drift import Drift, conserved_drift
from moe_ipi.validation.force_mixing import ForceMixing
from moe_ipi.validation.result import Check, Curve, Plot, Quantity, Table
from moe_ipi.validation.subject import Subject

TEMPERATURE = 300.0
TIMESTEP_FS = 1.0
#: Steps of thermalisation and of NVE dynamics.
STEPS, QUICK_STEPS = (100, 500), (20, 60)
#: The energy's noise is correlated over about this time, ps.
CORRELATION = 0.02


@dataclass(frozen=True)
class Run:
    """An NVE run: time (ps), total energy (eV), and what follows from them.

    Attributes:
        drift: see :class:`moe_ipi.report.drift.Drift`.
        kinetic_sigma: standard deviation of the kinetic energy, eV.
    """

    time: np.ndarray
    energy: np.ndarray
    drift: Drift
    kinetic_sigma: float

    @property
    def resolution(self) -> float:
        """meV/atom/ps: twice the standard error of the slope; a smaller slope is not told from zero by this run."""
        duration = self.time[-1]
        return 2 * self.drift.spread * np.sqrt(12 * CORRELATION / duration) / duration

    def per_sigma(self, n_atoms: int) -> float:
        """Drift in a picosecond over the standard deviation of the kinetic energy."""
        return abs(self.drift.slope) * n_atoms / 1000 / self.kinetic_sigma


def check(subject: Subject) -> Check:
    """Does one energy of two experts conserve as well as one expert?"""
    result = Check(
        "drift",
        "Energy conservation",
        f"NVE dynamics at {TEMPERATURE:.0f} K from one start, a step of {TIMESTEP_FS} fs, regions frozen. Force "
        "mixing (as ML-MIX does it, for comparison only) has no energy of its own: shown is the kinetic energy plus "
        "the mixed energies of the atoms.",
    )
    structure = subject.structure
    n = len(structure)
    mask = subject.assignment(structure)
    thermalise, steps = QUICK_STEPS if subject.quick else STEPS
    start = thermalised(structure, subject.pair(mask), thermalise, subject.seed)
    calculators = {
        "complex everywhere": subject.calculator("complex"),
        "MoE": subject.pair(mask),
        "force mixing": ForceMixing(subject.potential, mask),
    }
    runs = {name: nve(start, calculator, steps) for name, calculator in calculators.items()}
    full, moe = runs["complex everywhere"], runs["MoE"]
    limit = max(abs(full.drift.slope), full.resolution)
    result.quantities = [
        Quantity(
            "MoE, drift",
            abs(moe.drift.slope),
            "meV/atom/ps",
            limit,
            note="no more than the complex expert everywhere, or than this run can tell from zero",
        ),
        Quantity(
            "force mixing, largest deviation over MoE's",
            runs["force mixing"].drift.largest / moe.drift.largest,
            note="what is avoided by mixing energies",
        ),
    ]
    rows = tuple(
        (name, *(round(v, 4) for v in (r.drift.slope, r.drift.spread, r.drift.largest, r.per_sigma(n))))
        for name, r in runs.items()
    )
    columns = ("", "drift, meV/atom/ps", "spread, meV/atom", "largest deviation, meV/atom", "drift in 1 ps / sigma")
    result.tables.append(
        Table(f"{n} atoms, {int(mask.sum())} complex, {steps * TIMESTEP_FS / 1000:.2f} ps", columns, rows)
    )
    curves = tuple(
        Curve(name, tuple(map(float, r.time)), tuple(map(float, 1000 * (r.energy - r.energy[0]) / n)))
        for name, r in runs.items()
    )
    result.plots.append(Plot("Conserved energy", "time, ps", "change, meV/atom", curves))
    return result


def thermalised(structure: Atoms, calculator: Calculator, steps: int, seed: int) -> Atoms:
    """``structure`` after a short Langevin run; velocities without a total momentum."""
    rng = np.random.default_rng(seed)
    atoms = structure.copy()
    atoms.set_constraint()
    atoms.calc = calculator
    MaxwellBoltzmannDistribution(atoms, temperature_K=2 * TEMPERATURE, rng=rng)  # half goes into the potential
    Langevin(
        atoms, TIMESTEP_FS * units.fs, temperature_K=TEMPERATURE, friction=0.02 / units.fs, rng=rng, fixcm=False
    ).run(steps)
    Stationary(atoms)
    atoms.calc = None
    return atoms


def nve(start: Atoms, calculator: Calculator, steps: int) -> Run:
    """A velocity-Verlet run from the positions and velocities of ``start``."""
    atoms = start.copy()
    atoms.calc = calculator
    kinetic, total = [], []

    def record() -> None:
        kinetic.append(atoms.get_kinetic_energy())
        total.append(kinetic[-1] + atoms.get_potential_energy())

    dynamics = VelocityVerlet(atoms, TIMESTEP_FS * units.fs)
    dynamics.attach(record)
    dynamics.run(steps)
    time = np.arange(len(total)) * TIMESTEP_FS / 1000
    return Run(time, np.array(total), conserved_drift(time, total, len(atoms)), float(np.std(kinetic)))
