"""Types that stand in many signatures."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]

#: Which of three directions are periodic.
Periodicity = tuple[bool, bool, bool]

#: Which energy is computed, see :class:`moe_ipi.potential.MoEPotential`.
Hamiltonian = Literal["moe", "bulk", "complex", "correction"]
