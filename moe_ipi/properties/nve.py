"""NVE dynamics, to see how well a potential conserves its energy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from ase import Atoms, units
from ase.calculators.calculator import Calculator
from ase.md import velocitydistribution
from ase.md.langevin import Langevin
from ase.md.verlet import VelocityVerlet

from moe_ipi.properties.drift import Drift, conserved_drift
from moe_ipi.typing import FloatArray

TEMPERATURE = 300.0
TIMESTEP_FS = 1.0
#: The energy's noise is correlated over about this time, ps.
CORRELATION = 0.02


@dataclass(frozen=True)
class Run:
    """An NVE run: time (ps), total energy (eV), and what follows from them.

    Attributes:
        drift: see :class:`moe_ipi.properties.drift.Drift`.
        kinetic_sigma: standard deviation of the kinetic energy, eV.
    """

    time: FloatArray
    energy: FloatArray
    drift: Drift
    kinetic_sigma: float

    @property
    def resolution(self) -> float:
        """meV/atom/ps: twice the standard error of the slope; a smaller slope is not told from zero by this run."""
        duration = float(self.time[-1])
        return float(2 * self.drift.spread * np.sqrt(12 * CORRELATION / duration) / duration)

    def per_sigma(self, n_atoms: int) -> float:
        """Drift in a picosecond over the standard deviation of the kinetic energy."""
        return abs(self.drift.slope) * n_atoms / 1000 / self.kinetic_sigma


def thermalised(structure: Atoms, calculator: Calculator, steps: int, seed: int) -> Atoms:
    """``structure`` after a short Langevin run; velocities without a total momentum."""
    rng = np.random.default_rng(seed)
    atoms: Atoms = structure.copy()
    atoms.set_constraint()
    atoms.calc = calculator
    draw = getattr(velocitydistribution, "thermalize_momenta", velocitydistribution.MaxwellBoltzmannDistribution)
    draw(atoms, temperature_K=2 * TEMPERATURE, rng=rng)  # half goes into the potential
    Langevin(
        atoms, TIMESTEP_FS * units.fs, temperature_K=TEMPERATURE, friction=0.02 / units.fs, rng=rng, fixcm=False
    ).run(steps)
    velocitydistribution.Stationary(atoms)
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
