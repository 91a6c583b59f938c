"""Equally much to do for every rank: space is divided by what the atoms of either expert cost."""

from __future__ import annotations

import math

import numpy as np

from moe_ipi.cell import heights
from moe_ipi.errors import ConfigError
from moe_ipi.lammps.engine import Engine
from moe_ipi.lammps.ranks import Ranks

#: The atom-style variable of LAMMPS that has the weight of every atom, and the number it is made with.
WEIGHT, _RATIO = "moe_weight", "moe_cost"
#: Of the costs of two experts that a measurement may give.
_LARGEST_RATIO = 1000.0
#: How often a script's atoms are divided anew, in steps, and what a rank may do more than the mean.
_EVERY, _THRESHOLD = 10, 1.1


def checked_balance(text: str) -> str:
    """A value of the option ``--balance``.

    Raises:
        ConfigError: it is none.
    """
    if text in ("auto", "off"):
        return text
    try:
        ratio = float(text)
    except ValueError:
        ratio = math.nan
    if not 1.0 <= ratio <= _LARGEST_RATIO:
        raise ConfigError(
            f"--balance is '{text}': give auto, off, or how many bulk atoms cost as much as a complex atom (1 to "
            f"{_LARGEST_RATIO:g})"
        )
    return text


class Weights:
    """Weights of the atoms of one LAMMPS, by the costs that were measured until now.

    Args:
        ranks: all of them make one of these.
        engine: its box exists.
        ratio: how much more a complex atom costs; without it what was measured.
    """

    def __init__(self, ranks: Ranks, engine: Engine, ratio: float | None = None) -> None:
        self._ranks = ranks
        self._engine = engine
        self._fixed = ratio
        engine.command(f"variable {_RATIO} internal {ratio or 1.0!r}")
        engine.command(f'variable {WEIGHT} atom "1+(type>{len(engine.domain.elements)})*(v_{_RATIO}-1)"')

    def measure(self) -> bool:
        """Take the costs of all ranks; whether there are some."""
        if self._fixed is not None:
            return True
        from mpi4py import MPI

        domain = self._engine.domain
        costs = [domain.costs.get(expert, math.inf) for expert in (domain.bulk, domain.complex)]
        bulk, complex = (self._ranks.comm.allreduce(cost, MPI.MIN) for cost in costs)
        if not (math.isfinite(bulk) and math.isfinite(complex) and bulk > 0.0):
            return False
        self._engine.lammps.set_internal_variable(_RATIO, min(max(complex / bulk, 1.0), _LARGEST_RATIO))
        return True


class ScriptBalance:
    """Balance in the course of a script, unless the script divides the space itself.

    Costs are measured by what is evaluated anyway; LAMMPS's ``fix balance`` divides the space.

    Args:
        ranks: all of them make one of these.
        how: ``auto``, ``off`` or a ratio, see :func:`checked_balance`.
    """

    def __init__(self, ranks: Ranks, how: str) -> None:
        self._ranks = ranks
        self._how = how
        self._weights: Weights | None = None
        self._began = False
        self._evaluations = 0

    def begin(self, engine: Engine) -> None:
        """At the beginning of a run; later runs change nothing."""
        if self._began:
            return
        self._began = True
        # LAMMPS's tiles cannot see beyond the next image of the cell.
        if self._how == "off" or self._ranks.size == 1 or engine.divided or not _thick(engine):
            return
        self._weights = Weights(self._ranks, engine, None if self._how == "auto" else float(self._how))
        self._weights.measure()
        engine.command("comm_style tiled")
        engine.command(f"fix moe_balance all balance {_EVERY} {_THRESHOLD} rcb weight var {WEIGHT}")
        engine.after_evaluation = self._evaluated

    def _evaluated(self) -> None:
        """After every evaluation, on all ranks: the first ones compile, and are slower than what follows."""
        self._evaluations += 1
        if self._weights is not None and self._evaluations & (self._evaluations - 1) == 0:
            self._weights.measure()


def _thick(engine: Engine) -> bool:
    """Whether all that a rank sees is nearer than the next image of the cell."""
    cell, pbc = engine.cell
    return bool((heights(cell)[np.array(pbc)] > engine.ghost_range).all())
