"""Names of the parameters that moe_ipi puts into the ``<parameters>`` of an ``<ffsocket>``."""

from __future__ import annotations

#: The assignment, see :mod:`moe_ipi.inband.token`; with every structure.
TOKEN = "moe_token"
#: Which energy, see :class:`moe_ipi.potential.MoEPotential`; set by the user.
HAMILTONIAN = "moe_hamiltonian"
#: A request besides the dynamics: how much the experts disagree.
PROBE = "moe_probe"
#: What the run remembers, see :mod:`moe_ipi.inband.memory`; in checkpoints only.
MEMORY = "moe_memory"
#: Species, experts and regions of the run, see :mod:`moe_ipi.inband.identity`; with every structure.
IDENTITY = "moe_identity"

NAMES = frozenset({TOKEN, HAMILTONIAN, PROBE, MEMORY, IDENTITY})
