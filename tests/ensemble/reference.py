"""The ensemble that reassignments of the kind "gibbs" should sample, by a program that knows nothing of assignments.

Summed over all assignments, exp(-E(x, a) / kT) prod_i s_i^a_i (1 - s_i)^(1 - a_i) is exp(-E_eff / kT) with

    E_eff = -kT sum_i ln [s_i exp(-<E_i^complex> / kT) + (1 - s_i) exp(-<E_i^bulk> / kT)],

s_i from the centroid, energies averaged over the P beads.  Here it is sampled by Langevin dynamics of ring polymers
(PILE, Ceriotti et al., J. Chem. Phys. 133, 124104 (2010)) with the time step of the run that is compared.  Of moe_ipi
only the energies of the two experts are used: lists, weights, derivatives and dynamics are written anew, the weights
without logarithms.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
from numba import njit

from moe_ipi.experts.expert import Environments
from moe_ipi.experts.finnis_sinclair import FinnisSinclair
from moe_ipi.typing import BoolArray, FloatArray, IntArray

#: eV/K.
KB = 8.617333262e-5
#: A/fs of eV, A and atomic mass units: sqrt(eV/u).
_UNIT = 0.09822694743
#: eV fs.
_HBAR = 0.6582119569
_EDGE = 0.1


@dataclass(frozen=True)
class Model:
    """The system.

    Attributes:
        species: (N,) chemical symbols.
        masses: (N,) u.
        cell: (3, 3) A, rows are lattice vectors.
        inner: A, radius of the region within which the weight is 1.
        outer: A, that beyond which it is 0.
        temperature: K.
    """

    species: tuple[str, ...]
    masses: FloatArray
    cell: FloatArray
    inner: float
    outer: float
    temperature: float

    @property
    def kT(self) -> float:
        """eV."""
        return KB * self.temperature

    @property
    def seeds(self) -> BoolArray:
        """(N,) C and O."""
        return np.isin(self.species, ("C", "O"))


@dataclass(frozen=True)
class Point:
    """E_eff and what is averaged, at one ring polymer.

    Attributes:
        energy: eV.
        forces: (P, N, 3) eV/A: -P d(E_eff)/dr of each bead, as i-PI counts forces of beads.
        potential: eV, the mean of the beads' energies over the assignments, given the positions.
        number: expected number of complex atoms, given the positions.
    """

    energy: float
    forces: FloatArray
    potential: float
    number: float


class Reference:
    """E_eff of a system of the analytic experts."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self._experts = [FinnisSinclair("complex"), FinnisSinclair("bulk")]
        known = FinnisSinclair.species
        self._types = np.array([known.index(symbol) for symbol in model.species])
        reach = max(expert.cutoff for expert in self._experts)
        inverse = np.linalg.norm(np.linalg.inv(model.cell), axis=0)
        # Atoms of a slab stay within a cell of each other.
        most = np.ceil(reach * inverse).astype(int) + 1
        self._images = np.array(list(product(*(range(-n, n + 1) for n in most)))) @ model.cell
        self._cutoff = reach

    def evaluate(self, beads: FloatArray) -> Point:
        """Of positions (P, N, 3), A."""
        model, kT = self.model, self.model.kT
        energies = np.zeros((2, len(model.species)))
        found = []
        for positions in beads:
            centers, neighbors, vectors = _edges(positions, self._images, self._cutoff)
            environments = Environments(vectors, centers, self._types, self._types[neighbors])
            both = [expert.evaluate(environments) for expert in self._experts]
            energies += np.array([one[0] for one in both]) / len(beads)
            found.append((centers, neighbors, both[0][1], both[1][1]))
        s, gradients = _weights(beads.mean(axis=0), self._images, model.seeds, model.inner, model.outer)
        least = energies.min(axis=0)
        factors = np.exp(-(energies - least) / kT)
        total = s * factors[0] + (1 - s) * factors[1]
        p = s * factors[0] / total
        forces = np.zeros_like(beads)
        for force, (centers, neighbors, of_complex, of_bulk) in zip(forces, found, strict=True):
            mixed = p[centers, None] * of_complex + (1 - p)[centers, None] * of_bulk
            np.add.at(force, centers, mixed)
            np.add.at(force, neighbors, -mixed)
        forces += kT * np.einsum("i,ijx->jx", (factors[0] - factors[1]) / total, gradients)
        return Point(
            energy=float((least - kT * np.log(total)).sum()),
            forces=forces,
            potential=float((p * energies[0] + (1 - p) * energies[1]).sum()),
            number=float(p.sum()),
        )


@njit(cache=True)
def _edges(positions: FloatArray, images: FloatArray, cutoff: float) -> tuple[IntArray, IntArray, FloatArray]:
    """Every pair within the cutoff, seen from both ends."""
    n = len(positions)
    most = n * n * len(images)
    centers, neighbors = np.empty(most, np.int64), np.empty(most, np.int64)
    vectors = np.empty((most, 3))
    count = 0
    for i in range(n):
        for j in range(n):
            for image in range(len(images)):
                square = 0.0
                for x in range(3):
                    vectors[count, x] = positions[j, x] + images[image, x] - positions[i, x]
                    square += vectors[count, x] ** 2
                if 0.0 < square < cutoff * cutoff:
                    centers[count], neighbors[count] = i, j
                    count += 1
    return centers[:count].copy(), neighbors[:count].copy(), vectors[:count].copy()


@njit(cache=True)
def _step(u: float) -> tuple[float, float]:
    """f and df/du: a quintic between tails that are exponentials."""
    small = _EDGE**3 * (10 - 15 * _EDGE + 6 * _EDGE**2)
    kappa = 30 * (_EDGE * (1 - _EDGE)) ** 2 / small
    if u < _EDGE:
        rest = small * np.exp(kappa * (u - _EDGE))
        return 1 - rest, -kappa * rest
    if u > 1 - _EDGE:
        f = small * np.exp(-kappa * (u - 1 + _EDGE))
        return f, -kappa * f
    return 1 - u**3 * (10 - 15 * u + 6 * u**2), -30 * (u * (1 - u)) ** 2


@njit(cache=True)
def _weights(
    positions: FloatArray, images: FloatArray, seeds: BoolArray, inner: float, outer: float
) -> tuple[FloatArray, FloatArray]:
    """s (N,) and its gradients (N, N, 3): of s_i by the position of atom j."""
    n = len(positions)
    rest, gradients, v = np.ones(n), np.zeros((n, n, 3)), np.empty(3)
    for i in range(n):
        if seeds[i]:
            rest[i] = 0.0
            continue
        for j in range(n):
            if not seeds[j]:
                continue
            for image in range(len(images)):
                for x in range(3):
                    v[x] = positions[j, x] + images[image, x] - positions[i, x]
                r = np.sqrt(v[0] ** 2 + v[1] ** 2 + v[2] ** 2)
                if r > outer + (outer - inner) * 1.1:
                    continue
                f, slope = _step((r - inner) / (outer - inner))
                # Product rule, one factor after the other.
                gradients[i] *= 1 - f
                for x in range(3):
                    push = rest[i] * slope / (outer - inner) / r * v[x]
                    gradients[i, j, x] += push
                    gradients[i, i, x] -= push
                rest[i] *= 1 - f
    return 1 - rest, gradients


class Sampler:
    """Langevin dynamics of ring polymers.

    Args:
        reference: the energy.
        beads: (P, N, 3) A, where it starts.
        timestep: fs.
        friction: time constant of the centroid's thermostat, fs.
        seed: of the random numbers.
    """

    def __init__(self, reference: Reference, beads: FloatArray, timestep: float, friction: float, seed: int) -> None:
        self._reference = reference
        self._rng = np.random.default_rng(seed)
        self.beads = beads.copy()
        P = len(beads)
        model = reference.model
        modes = np.array([[_mode(P, k, b) for b in range(P)] for k in range(P)])
        self._modes = modes
        omega = 2 * P * model.kT / _HBAR * np.sin(np.arange(P) * np.pi / P)
        self._masses = model.masses[None, :, None]
        self._half = timestep / 2 * _UNIT**2
        self._sigma = np.sqrt(P * model.kT / self._masses) * _UNIT
        gamma = np.where(omega > 0, 2 * omega, 1 / friction)
        self._keep = np.exp(-gamma * timestep / 2)[:, None, None]
        self._cos = np.cos(omega * timestep)[:, None, None]
        self._sin = np.sin(omega * timestep)[:, None, None]
        self._omega = omega[:, None, None]
        self._timestep = timestep
        self._velocities = self._noise()
        self.point = reference.evaluate(self.beads)

    def step(self) -> None:
        """One time step: thermostat, forces, free ring polymer, forces, thermostat."""
        modes, free = self._modes, self._omega > 0
        velocities = self._thermostat(self._velocities)
        velocities += np.tensordot(modes, self._half * self.point.forces / self._masses, 1)
        q = np.tensordot(modes, self.beads, 1)
        over = np.where(free, self._sin / np.where(free, self._omega, 1.0), self._timestep)
        q, velocities = self._cos * q + over * velocities, self._cos * velocities - self._omega * self._sin * q
        self.beads = np.tensordot(modes.T, q, 1)
        self.point = self._reference.evaluate(self.beads)
        velocities += np.tensordot(modes, self._half * self.point.forces / self._masses, 1)
        self._velocities = self._thermostat(velocities)

    def temperature(self) -> float:
        """K, from the velocities of all modes."""
        kinetic = (self._masses * self._velocities**2).mean() / _UNIT**2
        return float(kinetic / (KB * len(self.beads)))

    def _thermostat(self, velocities: FloatArray) -> FloatArray:
        result: FloatArray = self._keep * velocities + np.sqrt(1 - self._keep**2) * self._noise()
        return result

    def _noise(self) -> FloatArray:
        result: FloatArray = self._sigma * self._rng.normal(size=self.beads.shape)
        return result


def _mode(P: int, k: int, b: int) -> float:
    """Row k of the orthogonal matrix of normal modes, frequencies 2 w_P sin(k pi / P)."""
    if k == 0:
        return float(np.sqrt(1 / P))
    if 2 * k == P:
        return float(np.sqrt(1 / P) * (-1) ** b)
    wave = np.cos if 2 * k < P else np.sin
    return float(np.sqrt(2 / P) * wave(2 * np.pi * k * b / P))
