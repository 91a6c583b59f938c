"""Assignments drawn from their exact conditional distribution: one ensemble for the whole run (docs/ensemble.md).

Positions and assignment follow the joint distribution of :mod:`moe_ipi.regions.smooth`.  Within a segment the dynamics
samples the positions under the bias of the assignment; at its end every atom at the edge is drawn anew with

    P(complex) = 1 / (1 + exp(-x)),   x = ln s - ln(1 - s) - <E^complex - E^bulk> / kT,

s from the centroid, the energies of the atom averaged over the beads; of a contracted force, over its beads.  The atoms
are independent of each other, because the energy is a sum over atoms whose experts look at positions only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from ipi.engine.forcefields import FFSocket
from ipi.engine.simulation import Simulation
from scipy.special import expit

from moe_ipi.config import Config
from moe_ipi.elements import element_symbols
from moe_ipi.errors import ConfigError
from moe_ipi.inband import token as tokens
from moe_ipi.inband.parameters import HAMILTONIAN, PROBE, TOKEN
from moe_ipi.inband.token import Token
from moe_ipi.plugin import bias_pes, engine
from moe_ipi.plugin.asked import Asked
from moe_ipi.plugin.shares import assigned_energy
from moe_ipi.regions.smooth import SmoothRegions, log_complex
from moe_ipi.regions.switch import SMALLEST
from moe_ipi.typing import BoolArray, FloatArray
from moe_ipi.units import BOHR, HARTREE

#: Name of the force field of the bias.
FIELD = "moe_bias"
#: What a checkpoint remembers besides the assignment: of which kind it is.
STATE = {"reassignment": "gibbs"}


class ByGibbs:
    """Redraws the atoms at the edge of the regions, and keeps the bias that belongs to the assignment up to date.

    Args:
        simulation: not bound yet.
        config: regions and segments.
        fields: the force fields with drivers.

    Raises:
        ConfigError: regions, ensemble or dynamics have no such ensemble; the message says why.
    """

    def __init__(self, simulation: Simulation, config: Config, fields: Sequence[FFSocket]) -> None:
        self._simulation = simulation
        self._fields = fields
        species = element_symbols(simulation.syslist[0].beads.names)
        self._smooth = SmoothRegions(config.regions, species)
        check_run(simulation)
        #: Hartree.
        self._kT = float(simulation.syslist[0].ensemble.temp)
        self._assignment: BoolArray | None = None
        self._reached = False
        self._asked: list[Asked] = []
        self._remarks: dict[str, str] = {}
        everyone = tokens.encode(Token(0, np.ones(len(species), bool)))
        setup = bias_pes.encode_setup(config.regions, tuple(species), self._kT)
        self._bias = engine.add_bias(simulation, FIELD, bias_pes.__file__, {"moe_bias": setup, TOKEN: everyone})

    @property
    def assignment(self) -> BoolArray | None:
        """(N,) of the present segment; ``None`` before the first one."""
        return None if self._assignment is None else self._assignment.copy()

    @property
    def remarks(self) -> dict[str, str]:
        """What the ledger says of the last update besides its usual columns."""
        return self._remarks

    @property
    def asks(self) -> bool:
        """The update asks the experts."""
        return True

    @property
    def asked(self) -> list[Asked]:
        """What the last update asked them, and how much they disagreed: only of the atoms at the edge."""
        return self._asked

    def sample(self, step: int) -> None:
        """Nothing is averaged."""

    def update(self) -> BoolArray:
        """(N,) the assignment of the segment that begins, drawn with i-PI's own random numbers."""
        centroid = engine.frames(self._simulation, "centroid")
        outside = self._smooth.log_bulk(centroid.positions[0], centroid.cells[0], centroid.pbc)
        # Nearer than that an atom is complex whatever the experts say.
        inside = outside <= np.log(SMALLEST)
        shell = np.flatnonzero((outside < 0.0) & ~inside)
        self._reached = bool((outside < 0.0).any())
        x = log_complex(outside[shell]) - outside[shell] - self._differences(shell) / (self._kT * HARTREE)
        p = expit(x)
        drawn = np.array(self._simulation.prng.uniform(size=len(shell))) < p
        new: BoolArray = inside.copy()
        new[shell] = drawn
        old, self._assignment = self._assignment, new
        self._remarks = _remarks(shell, p, new, old, int(inside.sum()))
        return new.copy()

    def publish(self, token: str) -> None:
        """Give the bias another assignment."""
        engine.set_parameters(self._bias, {TOKEN: token})
        self._bias.driver.set_token(token)

    def energy(self) -> float:
        """Of the bias, hartree, summed over the beads."""
        return float(self._simulation.syslist[0].ensemble.bias.pot)

    def recompute(self) -> None:
        """Have computed again what depends on the assignment."""
        engine.recompute(self._simulation, self._bias)

    def warning(self) -> str | None:
        """A line for the user if the first assignment is of no use."""
        return None if self._reached else "no atom is within reach of the regions: every atom has the bulk expert"

    def state(self) -> dict[str, Any]:
        """Nothing is remembered besides the assignment; this tells of which kind it is."""
        return dict(STATE)

    def restore(self, assignment: BoolArray, state: Mapping[str, Any] | None) -> None:
        """Continue from a checkpoint; nothing but the assignment is remembered."""
        self._assignment = np.array(assignment, bool)

    def _differences(self, shell: np.ndarray) -> FloatArray:
        """(len(shell),) eV: complex - bulk of each of these atoms in the total energy, a mean over beads.

        What follows the assignment may be contracted to fewer beads, or have several parts with weights.
        """
        differences = np.zeros(len(shell))
        self._asked = []
        if len(shell) == 0:
            return differences
        mask = np.zeros(len(self._smooth.seeds), bool)
        mask[shell] = True
        asked = {TOKEN: tokens.encode(Token(0, mask)), PROBE: "difference", HAMILTONIAN: None}
        system = self._simulation.syslist[0]
        for beads, share in self._shares():
            results = engine.ask(self._fields[0], [(bead, system.cell) for bead in beads], asked)
            # i-PI makes a number of a list of one.
            found = np.array([np.ravel(result[3]["moe_difference"]) for result in results], np.float64)
            differences += share * found.mean(axis=0)
            self._remember(shell, beads, np.abs(found))
        return differences

    def _remember(self, shell: np.ndarray, beads: FloatArray, found: FloatArray) -> None:
        """Beads (P, 3N) in bohr, and the disagreement (P, len(shell)) in eV."""
        cell = np.array(self._simulation.syslist[0].cell.h, np.float64).T * BOHR
        for k, positions in enumerate(beads):
            disagreement = np.full(len(self._smooth.seeds), np.nan)
            disagreement[shell] = found[k]
            self._asked.append(Asked("gibbs", 0, k, len(beads), positions.reshape(-1, 3) * BOHR, cell, disagreement))

    def _shares(self) -> list[tuple[FloatArray, float]]:
        """Beads (P, 3N), and how much of the energies that follow the assignment is a mean over them."""
        shares: list[tuple[FloatArray, float]] = []
        for field, weight, beads in engine.components(self._simulation.syslist[0]):
            share = weight * assigned_energy(field)
            same = next((k for k, (other, _) in enumerate(shares) if np.array_equal(other, beads)), None)
            if share and same is not None:
                shares[same] = beads, shares[same][1] + share
            elif share:
                shares.append((beads, share))
        return shares


def _remarks(shell: np.ndarray, p: FloatArray, new: BoolArray, old: BoolArray | None, sure: int) -> dict[str, str]:
    """Expected number of complex atoms and its variance, and the probability of each atom that has changed."""
    remarks = {"expected": f"{sure + p.sum():.6f}", "variance": f"{(p * (1 - p)).sum():.6f}"}
    if old is not None:
        changed = [f"{atom}:{q:.4f}" for atom, q in zip(shell, p, strict=True) if new[atom] != old[atom]]
        remarks["p"] = ",".join(changed) or "-"
    return remarks


def check_run(simulation: Simulation) -> None:
    """Raises:
    ConfigError: the run has no temperature, several systems, or an energy that is no sum over atoms.
    """
    gibbs = 'reassignment = "gibbs"'
    if len(simulation.syslist) > 1:
        raise ConfigError(
            f"{gibbs} serves one system, and the input has {len(simulation.syslist)}, which would share one "
            'assignment: use reassignment = "rules", or one run for each'
        )
    (system,) = simulation.syslist
    modes = [getattr(motion, "enstype", None) or "" for motion in getattr(system.motion, "mlist", [system.motion])]
    if any(mode.startswith("sc") for mode in modes):
        raise ConfigError(
            f"{gibbs} cannot be used with fourth-order integrators (mode='sc', 'scnpt'), whose energy is no sum over "
            "atoms: use more beads with mode='nvt', or reassignment = \"rules\""
        )
    if "nve" in modes or not float(system.ensemble.temp) > 0.0:
        raise ConfigError(
            f"{gibbs} draws assignments at a temperature, and this run has none that is kept (mode='nve'): give it a "
            'thermostat, or use reassignment = "rules"'
        )
    if (np.asarray(system.ensemble.hweights) != 1.0).any():
        raise ConfigError(f"{gibbs} cannot be used with <hamiltonian_weights>, under which i-PI leaves out every bias")
