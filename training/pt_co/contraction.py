"""How soft the correction (both experts - bulk) is for C and O: what contracting it to few beads costs.

    python contraction.py [--config moe.toml]

CO on a bridge of Pt(111), relaxed under the pair's own energy.  Prints the forces of the correction on C and O at
C-O lengths from 1.00 to 1.30 A, and the root-mean-square change of these forces over the zero-point motion of C and
O, drawn from the harmonic ground state of the two atoms with the others at rest (Hessian of the pair by finite
differences).  A force that does not change within that motion is the same for all beads.

Then the centroid-virial kinetic energies of C and O with 32 beads at 300 K, in the same harmonic approximation, where
they are known exactly: the bulk expert on all beads, and the correction on all, on 8, 4 and 1 of them.  For modes k of
the free ring polymer with stiffness M w_k^2, and the Hessian K of what acts on them,

    T = kT/2 (1 + sum_{k > 0} [K (M w_k^2 + K)^-1])   for each coordinate (diagonal elements).
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from itertools import product
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.build import add_adsorbate, fcc111
from ase.constraints import FixAtoms
from ase.optimize import FIRE
from ase.units import _amu, _e, _hbar, kB
from ipi.utils.nmtransform import nm_rescale

from moe_ipi import MoECalculator, MoEPotential, load_config, pretrained
from moe_ipi.potential import Hamiltonian

SAMPLES = 300
BEADS, TEMPERATURE = 32, 300.0
STEP = 0.01
#: 1/s of 1/cm.
_WAVENUMBER = 1.88365e11


def relaxed(calculator: MoECalculator) -> Atoms:
    """CO on a slab whose two lower layers are fixed."""
    atoms = fcc111("Pt", (3, 3, 4), a=3.977, vacuum=8.0, periodic=True)
    add_adsorbate(atoms, Atoms("CO", positions=[[0, 0, 0], [0, 0, 1.15]]), 1.45, "bridge")
    atoms.set_constraint(FixAtoms(mask=atoms.get_tags() > 2))
    atoms.calc = calculator
    FIRE(atoms, logfile=None).run(fmax=0.02, steps=300)
    return atoms


def hessian(forces: Callable[[np.ndarray], np.ndarray], positions: np.ndarray, moving: list[int]) -> np.ndarray:
    """Of the moving atoms, eV/A^2; ``forces`` gives those of frames (B, N, 3)."""
    frames = np.repeat(positions[None], 6 * len(moving), axis=0)
    for k, (i, x, sign) in enumerate(product(moving, range(3), (1, -1))):
        frames[k, i, x] += sign * STEP
    found = forces(frames)[:, moving].reshape(3 * len(moving), 2, -1)
    matrix = -(found[:, 0] - found[:, 1]) / (2 * STEP)
    result: np.ndarray = (matrix + matrix.T) / 2
    return result


def ground_state(matrix: np.ndarray, masses: np.ndarray, seed: int) -> np.ndarray:
    """(SAMPLES, n) A: displacements, and their frequencies are printed."""
    root = np.repeat(np.sqrt(masses), 3)
    squares, modes = np.linalg.eigh(matrix / root[:, None] / root[None, :])
    found = np.sign(squares) * np.sqrt(np.abs(squares) * _e / _amu * 1e20)
    print("frequencies of C and O (1/cm):", ", ".join(f"{w / _WAVENUMBER:.0f}" for w in found))
    # A motion as slow as that is no harmonic one, and classical.
    omega = np.maximum(found, 100.0 * _WAVENUMBER)
    amplitudes = np.sqrt(_hbar / (2 * _amu * omega)) * 1e10
    normal = np.random.default_rng(seed).normal(size=(SAMPLES, len(omega))) * amplitudes
    return normal @ modes.T / root


def kinetic_energies(bulk: np.ndarray, correction: np.ndarray, masses: np.ndarray, few: int) -> np.ndarray:
    """meV, of each atom, with the correction on ``few`` of BEADS beads.

    Args:
        bulk, correction: Hessians (3n, 3n), eV/A^2.
        masses: (n,) u.
        few: beads of the correction.
    """
    kT = kB * TEMPERATURE
    contract = nm_rescale(BEADS, few)
    to_few = np.array([contract.b1tob2(column) for column in np.eye(BEADS)]).T.reshape(few, BEADS)
    weights = BEADS / few * to_few.T @ to_few
    # eV/A^2: u (kT / hbar)^2.
    springs = np.repeat(masses, 3) * (BEADS * kT * _e / _hbar) ** 2 * _amu / _e * 1e-20
    ring = 2 * np.eye(BEADS) - np.roll(np.eye(BEADS), 1, axis=0) - np.roll(np.eye(BEADS), -1, axis=0)
    physical = np.kron(np.eye(BEADS), bulk) + np.kron(weights, correction)
    whole = np.kron(ring, np.diag(springs)) + physical
    # All but the centroid, which has no part in the estimator's second term.
    apart = np.kron(np.eye(BEADS) - 1 / BEADS, np.eye(len(bulk)))
    modes = np.linalg.eigh(apart)[1][:, len(bulk) :]
    covariance = modes @ np.linalg.inv(modes.T @ whole @ modes) @ modes.T
    virial = np.einsum("ij,ji->i", physical, covariance).reshape(BEADS, -1).sum(axis=0)
    kinetic = kT / 2 * (1 + virial)
    result: np.ndarray = 1000 * kinetic.reshape(-1, 3).sum(axis=1)
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", type=Path, default=pretrained("pt-co"))
    args = parser.parse_args()
    config = load_config(args.config)
    atoms = relaxed(MoECalculator.from_config(config))
    assignment = atoms.calc.assignment
    potential = MoEPotential.from_config(config, atoms.get_chemical_symbols())
    c, o = (atoms.get_chemical_symbols().index(symbol) for symbol in "CO")

    def forces_of(hamiltonian: Hamiltonian) -> Callable[[np.ndarray], np.ndarray]:
        def forces(frames: np.ndarray) -> np.ndarray:
            cells = np.repeat(atoms.cell.array[None], len(frames), axis=0)
            return potential.evaluate(frames, cells, assignment, hamiltonian=hamiltonian).forces

        return forces

    correction = forces_of("correction")
    print(f"{assignment.sum()} of {len(atoms)} atoms complex; C-O {atoms.get_distance(c, o):.3f} A")
    lengths = np.arange(1.0, 1.301, 0.05)
    frames = np.repeat(atoms.positions[None], len(lengths), axis=0)
    frames[:, o, 2] = frames[:, c, 2] + lengths
    for length, (on_c, on_o) in zip(lengths, correction(frames)[:, [c, o], 2], strict=True):
        print(f"C-O {length:.2f} A: correction's force along z on C {on_c:+.2f}, on O {on_o:+.2f} eV/A")
    masses = atoms.get_masses()[[c, o]]
    both, cheap = (hessian(forces_of(name), atoms.positions, [c, o]) for name in ("moe", "bulk"))
    frames = np.repeat(atoms.positions[None], SAMPLES, axis=0)
    frames[:, [c, o]] += ground_state(both, masses, seed=1).reshape(-1, 2, 3)
    forces = correction(frames)[:, [c, o]]
    changes = forces - forces.mean(axis=0)
    for k, name in enumerate("CO"):
        mean = np.linalg.norm(forces[:, k].mean(axis=0))
        rms = np.sqrt((changes[:, k] ** 2).sum(axis=1).mean())
        print(f"correction's force on {name} in the zero-point motion: mean {mean:.3f}, RMS change {rms:.3f} eV/A")
    exact = kinetic_energies(cheap, both - cheap, masses, BEADS)
    for few in (BEADS, 8, 4, 1):
        found = kinetic_energies(cheap, both - cheap, masses, few)
        off = 100 * (found / exact - 1)
        print(
            f"correction on {few} of {BEADS} beads: kinetic energy of C {found[0]:.2f} ({off[0]:+.2f} %), "
            f"of O {found[1]:.2f} meV ({off[1]:+.2f} %)"
        )


if __name__ == "__main__":
    main()
