"""How soft the correction (both experts - bulk) is for C and O: what contracting it to few beads costs.

    python contraction.py [--config moe.toml]

CO on a bridge of Pt(111), relaxed under the pair's own energy.  Prints the forces of the correction on C and O at
C-O lengths from 1.00 to 1.30 A, and the root-mean-square change of these forces over the zero-point motion of C and
O, drawn from the harmonic ground state of the two atoms with the others at rest (Hessian of the pair by finite
differences).  A force that does not change within that motion is the same for all beads.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.build import add_adsorbate, fcc111
from ase.constraints import FixAtoms
from ase.optimize import FIRE
from ase.units import _amu, _e, _hbar

from moe_ipi import MoECalculator, MoEPotential, load_config, pretrained

SAMPLES = 300
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


def hessian(atoms: Atoms, moving: list[int]) -> np.ndarray:
    """Of the moving atoms, eV/A^2."""
    rows = []
    for i in moving:
        for x in range(3):
            forces = []
            for sign in (1, -1):
                moved = atoms.copy()
                moved.positions[i, x] += sign * STEP
                moved.calc = atoms.calc
                forces.append(moved.get_forces(apply_constraint=False)[moving].ravel())
            rows.append(-(forces[0] - forces[1]) / (2 * STEP))
    matrix = np.array(rows)
    return (matrix + matrix.T) / 2


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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", type=Path, default=pretrained("pt-co"))
    args = parser.parse_args()
    config = load_config(args.config)
    atoms = relaxed(MoECalculator.from_config(config))
    assignment = atoms.calc.assignment
    potential = MoEPotential.from_config(config, atoms.get_chemical_symbols())
    c, o = (atoms.get_chemical_symbols().index(symbol) for symbol in "CO")

    def correction(frames: np.ndarray) -> np.ndarray:
        cells = np.repeat(atoms.cell.array[None], len(frames), axis=0)
        return potential.evaluate(frames, cells, assignment, hamiltonian="correction").forces[:, [c, o]]

    print(f"{assignment.sum()} of {len(atoms)} atoms complex; C-O {atoms.get_distance(c, o):.3f} A")
    lengths = np.arange(1.0, 1.301, 0.05)
    frames = np.repeat(atoms.positions[None], len(lengths), axis=0)
    frames[:, o, 2] = frames[:, c, 2] + lengths
    for length, (on_c, on_o) in zip(lengths, correction(frames)[:, :, 2], strict=True):
        print(f"C-O {length:.2f} A: correction's force along z on C {on_c:+.2f}, on O {on_o:+.2f} eV/A")
    moves = ground_state(hessian(atoms, [c, o]), atoms.get_masses()[[c, o]], seed=1)
    frames = np.repeat(atoms.positions[None], SAMPLES, axis=0)
    frames[:, [c, o]] += moves.reshape(-1, 2, 3)
    forces = correction(frames)
    changes = forces - forces.mean(axis=0)
    for k, name in enumerate("CO"):
        mean = np.linalg.norm(forces[:, k].mean(axis=0))
        rms = np.sqrt((changes[:, k] ** 2).sum(axis=1).mean())
        print(f"correction's force on {name} in the zero-point motion: mean {mean:.3f}, RMS change {rms:.3f} eV/A")


if __name__ == "__main__":
    main()
