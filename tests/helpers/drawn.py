"""What reassignments that are drawn should do, from the positions that i-PI wrote."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
from scipy.special import expit

from moe_ipi.potential import MoEPotential
from moe_ipi.regions.smooth import log_complex
from moe_ipi.units import HARTREE

#: Boltzmann's constant as i-PI has it, eV/K.
KB = 3.1668152e-6 * HARTREE
#: Of the runs, K.
TEMPERATURE = 900.0


def differences(potential: MoEPotential, beads: np.ndarray, cell: np.ndarray) -> np.ndarray:
    """(N,) eV: complex - bulk of each atom, mean over beads (P, N, 3)."""
    cells = np.repeat(cell[None], len(beads), axis=0)
    masks = (np.full(beads.shape[1], kind) for kind in (True, False))
    both = [potential.evaluate(beads, cells, mask).atom_energies.mean(axis=0) for mask in masks]
    return np.asarray(both[0] - both[1])


def check_probabilities(named: Mapping[str, str], outside: np.ndarray, difference: np.ndarray) -> np.ndarray:
    """Compare what a line of the ledger says with ln(1 - s) (N,) and :func:`differences`.

    Returns:
        (N,) the probability of each atom to be complex.
    """
    seeds = outside == -np.inf
    with np.errstate(invalid="ignore"):
        x = log_complex(outside) - outside - difference / (KB * TEMPERATURE)
    p = np.where(seeds, 1.0, expit(x))
    assert float(named["expected"]) == pytest.approx(p.sum(), abs=1e-5)
    assert float(named["variance"]) == pytest.approx((p * (1 - p)).sum(), abs=1e-5)
    return p
