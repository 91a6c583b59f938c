"""Whether a frame is worth a label: no colliding atoms, whole CO molecules, no absurd forces."""

from __future__ import annotations

import numpy as np
from ase import Atoms
from ase.neighborlist import neighbor_list

#: Smallest distances of atoms that are not bonded to CO, A.
CLOSEST = {("Pt", "Pt"): 2.0, ("C", "Pt"): 1.5, ("O", "Pt"): 1.6, ("C", "C"): 2.0, ("O", "O"): 2.0, ("C", "O"): 2.0}
#: Range of C-O bonds, A: the zero-point range and a little more.
BOND = (0.95, 1.45)
#: Largest force on an atom, eV/A; C and O: at the ends of the zero-point range.
LARGEST = {"Pt": 12.0, "C": 60.0, "O": 60.0}


def physical(frame: Atoms, forces: np.ndarray | None = None) -> bool:
    """Whether ``frame`` is within the bounds above; ``forces`` (N, 3) in eV/A are judged if given."""
    symbols = frame.get_chemical_symbols()
    bonds = np.zeros(len(frame), int)
    for i, j, d in zip(*neighbor_list("ijd", frame, 2.0), strict=True):
        pair = tuple(sorted((symbols[i], symbols[j])))
        if pair == ("C", "O") and d <= BOND[1]:
            bonds[i] += 1
            if d < BOND[0]:
                return False
        elif d < CLOSEST[pair]:
            return False
    if any(bonds[i] != (symbols[i] != "Pt") for i in range(len(frame))):
        return False
    if forces is None:
        return True
    norms = np.linalg.norm(forces, axis=1)
    return bool(np.isfinite(norms).all() and all(f <= LARGEST[s] for f, s in zip(norms, symbols, strict=True)))
