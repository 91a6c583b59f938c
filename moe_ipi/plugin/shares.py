"""How much of an energy is in a force field, wrappers of several included."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np
from ipi.engine.forcefields import FFSocket

from moe_ipi.inband.parameters import HAMILTONIAN
from moe_ipi.plugin import engine

#: The energies that contain the full one once; "correction" is only a difference.
_FULL = frozenset({"moe", "complex", "bulk"})
#: Those in which an atom's energy changes by complex - bulk when it changes its expert.
_ASSIGNED = frozenset({"moe", "correction"})


def full_energy(field: Any) -> float:
    """The part of the full energy in a force field."""
    return _share(field, _FULL)


def assigned_energy(field: Any) -> float:
    """The part of the energies that follow the assignment in a force field; 0 if drivers have no part in it."""
    return _share(field, _ASSIGNED)


def _share(field: Any, kinds: Collection[str]) -> float:
    if isinstance(field, FFSocket):
        return float((field.pars or {}).get(HAMILTONIAN, "moe") in kinds)
    inner = [each for each in engine.forcefields([field]) if each is not field and isinstance(each, FFSocket)]
    # A committee is the mean of its members, and <ffrotations> that of the rotations.
    return float(np.mean([_share(each, kinds) for each in inner])) if inner else 0.0
