"""Analytic experts: Finnis-Sinclair many-body potentials for Pt, C and O.

For tests and first contact, where no trained model is wanted.  The functional form is the
second-moment (Gupta, RGL) one of F. Cleri and V. Rosato, Phys. Rev. B 48, 22 (1993), eqs. (2)-(4),

    E_i = sum_j A exp(-p (r_ij/r0 - 1)) - [ sqrt(rho_i + d^2) - d ],   rho_i = sum_j xi^2 exp(-2 q (r_ij/r0 - 1)),

each sum multiplied by a switch that is 1 below 0.8 of the cutoff and falls to 0 at it as the quintic
1 - 10 s^3 + 15 s^4 - 6 s^5 (two continuous derivatives); d = 0.05 eV keeps the square root smooth for
an isolated atom.  Pt-Pt parameters are Cleri and
Rosato's; the others give CO its bond length and frequency and a weak bond to Pt, and mean no more.
"""

from __future__ import annotations

import numpy as np

from moe_ipi.experts.expert import Environments, Expert
from moe_ipi.jit import jit
from moe_ipi.typing import FloatArray, IntArray

_SPECIES = ("Pt", "C", "O")
_SMOOTHING = 0.05  # eV
_SWITCH = 0.8

# (A eV, xi eV, p, q, r0 A) for each pair of species.
_PARAMETERS: dict[tuple[str, str], tuple[float, float, float, float, float]] = {
    ("Pt", "Pt"): (0.2975, 2.695, 10.612, 4.004, 2.7747),
    ("Pt", "C"): (0.55, 2.6, 9.0, 3.0, 1.90),
    ("Pt", "O"): (0.25, 0.5, 8.0, 3.0, 2.20),
    ("C", "O"): (5.5, 11.0, 5.28, 2.64, 1.15),
    ("C", "C"): (0.30, 0.1, 8.0, 3.0, 2.50),
    ("O", "O"): (0.30, 0.1, 8.0, 3.0, 2.50),
}
# The bulk expert differs as a cheap model does: a shorter cutoff and slightly other forces.
_SETS = {"complex": (5.0, 1.0, 1.0), "bulk": (4.2, 1.02, 1.005)}
_SHIFTS = {"Pt": -1.0, "C": -2.0, "O": -3.0}  # eV; not zero, so that a misplaced shift shows


class FinnisSinclair(Expert):
    """One of the two analytic experts, ``"complex"`` (cutoff 5.0 A) or ``"bulk"`` (4.2 A).

    Float64 throughout; same result for the same input, bit for bit.
    """

    species = _SPECIES

    def __init__(self, parameters: str) -> None:
        self.cutoff, scale_a, scale_xi = _SETS[parameters]
        table = np.zeros((len(_SPECIES), len(_SPECIES), 5))
        for (a, b), values in _PARAMETERS.items():
            i, j = _SPECIES.index(a), _SPECIES.index(b)
            table[i, j] = table[j, i] = values
        table[:, :, 0] *= scale_a
        table[:, :, 1] *= scale_xi
        self._table = table
        self._shifts = np.array([_SHIFTS[s] for s in _SPECIES])

    def evaluate(self, environments: Environments) -> tuple[FloatArray, FloatArray]:
        """See :meth:`Expert.evaluate`."""
        return _evaluate(
            environments.vectors,
            environments.centers,
            environments.center_types,
            environments.neighbor_types,
            self._table,
            self._shifts,
            self.cutoff,
        )


@jit(error_model="numpy")
def _terms(r: float, parameters: FloatArray, cutoff: float) -> tuple[float, float, float, float]:
    """Repulsion, density and their derivatives at distance r."""
    a, xi, p, q, r0 = parameters
    s = max(r / cutoff - _SWITCH, 0.0) / (1.0 - _SWITCH)
    f = 1.0 - s**3 * (10.0 - 15.0 * s + 6.0 * s * s)
    df = -30.0 * (s * (1.0 - s)) ** 2 / (cutoff * (1.0 - _SWITCH))
    phi = a * np.exp(-p * (r / r0 - 1.0))
    rho = xi * xi * np.exp(-2.0 * q * (r / r0 - 1.0))
    return phi * f, rho * f, phi * (df - p / r0 * f), rho * (df - 2.0 * q / r0 * f)


@jit(error_model="numpy")
def _evaluate(
    vectors: FloatArray,
    centers: IntArray,
    center_types: IntArray,
    neighbor_types: IntArray,
    table: FloatArray,
    shifts: FloatArray,
    cutoff: float,
) -> tuple[FloatArray, FloatArray]:
    n_edges = len(centers)
    energies = np.empty(len(center_types))
    for c in range(len(center_types)):
        energies[c] = shifts[center_types[c]]
    gradients = np.zeros((n_edges, 3))
    density = np.zeros(len(center_types))
    d_phi = np.zeros(n_edges)
    d_rho = np.zeros(n_edges)
    for e in range(n_edges):
        v = vectors[e]
        r = np.sqrt(v[0] * v[0] + v[1] * v[1] + v[2] * v[2])
        if r >= cutoff:
            continue
        c = centers[e]
        phi, rho, dp, dr = _terms(r, table[center_types[c], neighbor_types[e]], cutoff)
        energies[c] += phi
        density[c] += rho
        d_phi[e] = dp / r
        d_rho[e] = dr / r
    for c in range(len(center_types)):
        root = np.sqrt(density[c] + _SMOOTHING**2)
        energies[c] -= root - _SMOOTHING
        density[c] = 0.5 / root
    for e in range(n_edges):
        gradients[e] = (d_phi[e] - density[centers[e]] * d_rho[e]) * vectors[e]
    return energies, gradients
