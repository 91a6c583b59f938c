"""What the ``<parameters>`` of a force field ask of a driver."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from moe_ipi.errors import MoEError
from moe_ipi.inband.parameters import HAMILTONIAN, IDENTITY, NAMES, PROBE, TOKEN
from moe_ipi.typing import Hamiltonian

#: What can be asked besides the dynamics.
Probe = Literal["agreement", "difference"]


class RequestError(MoEError):
    """A force field asks for something that a driver cannot give."""


@dataclass(frozen=True)
class Request:
    """Parameters that came with a structure.

    Attributes:
        token: the assignment, see :mod:`moe_ipi.inband.token`; ``None`` leaves it to the driver.
        hamiltonian: which energy, see :class:`moe_ipi.potential.MoEPotential`.
        probe: ``"agreement"``: evaluate the complex expert on every atom, and add to the extras how much the bulk
            expert differs from it.  ``"difference"``: the energy is the correction of the token's complex atoms, and
            the extras have the share of each of them.
        identity: what the run computes with, see :mod:`moe_ipi.inband.identity`; ``None`` under plain ``i-pi``.
    """

    token: str | None = None
    hamiltonian: Hamiltonian = "moe"
    probe: Probe | None = None
    identity: str | None = None


def read_request(parameters: Mapping[str, str]) -> Request:
    """Pick what concerns a driver; parameters that do not begin with ``moe_`` are somebody else's.

    Raises:
        RequestError: a name or a value is unknown.
    """
    # What the simulation remembers is no business of the driver; it is there because i-PI keeps it in its checkpoints.
    unknown = sorted(name for name in parameters if name.startswith("moe_") and name not in NAMES)
    if unknown:
        raise RequestError(
            f"there is no parameter {unknown[0]}: correct it in <parameters>; {HAMILTONIAN} is one to set"
        )
    wanted = parameters.get(HAMILTONIAN, "moe")
    hamiltonian: Hamiltonian | None = next((known for known in get_args(Hamiltonian) if known == wanted), None)
    if hamiltonian is None:
        kinds = ", ".join(get_args(Hamiltonian))
        raise RequestError(f"{HAMILTONIAN} is '{wanted}': correct it in <parameters>, it is one of {kinds}")
    asked = parameters.get(PROBE)
    probe: Probe | None = next((known for known in get_args(Probe) if known == asked), None)
    if probe != asked:
        raise RequestError(f"{PROBE} is '{asked}', and this version knows only {' and '.join(get_args(Probe))}")
    return Request(parameters.get(TOKEN), hamiltonian, probe, parameters.get(IDENTITY))
