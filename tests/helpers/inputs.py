"""The one builder of i-PI inputs for the whole suite."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from moe_ipi.typing import FloatArray

#: Positions, momenta and forces of every bead with all digits.
TRAJECTORIES = {"pos": "positions", "mom": "momenta", "for": "forces"}


def ffsocket(name: str, address: str, mode: str = "unix", *, port: int = 0, options: str = "") -> str:
    """``<ffsocket>``; ``options`` is more XML in it."""
    where = f"<address>{'127.0.0.1' if mode == 'inet' else address}</address>"
    where += f"<port>{port}</port>" if mode == "inet" else ""
    return f"<ffsocket name='{name}' mode='{mode}' pbc='False'>{where}<latency>1e-4</latency>{options}</ffsocket>"


def spring(name: str, positions: FloatArray, atom: int, stiffness: float) -> str:
    """``<ffdebye>`` that holds one atom to where it is: positions (N, 3) in bohr, stiffness in hartree/bohr^2."""
    count = positions.size
    hessian = np.zeros((count, count))
    held = range(3 * atom, 3 * atom + 3)
    hessian[held, held] = stiffness
    return f"""<ffdebye name='{name}'>
    <hessian shape='({count}, {count})'> [ {", ".join(map(str, hessian.ravel()))} ] </hessian>
    <x_reference> [ {", ".join(map(str, positions.ravel()))} ] </x_reference>
  </ffdebye>"""


def hamiltonian(kind: str) -> str:
    """The option of an ``<ffsocket>`` that asks for one of the energies."""
    return f"<parameters>{{moe_hamiltonian: {kind}}}</parameters>"


def thermostat(kind: str, tau: float) -> str:
    """``<thermostat>``."""
    return f"<thermostat mode='{kind}'><tau units='femtosecond'>{tau}</tau></thermostat>"


def dynamics(ensemble: str, timestep: float, *inside: str) -> str:
    """``<motion>`` with molecular dynamics, and whatever belongs into it (thermostat, barostat, ``<nmts>``)."""
    step = f"<timestep units='femtosecond'>{timestep}</timestep>"
    return f"<motion mode='dynamics'><dynamics mode='{ensemble}'>{step}{''.join(inside)}</dynamics></motion>"


def system(
    motion: str,
    *,
    beads: int,
    temperature: float,
    forces: str = "<force forcefield='moe'/>",
    ensemble: str = "",
    prefix: str = "",
) -> str:
    """``<system>``: ``init.xyz``, thermal velocities; ``ensemble`` is what it has besides the temperature."""
    return f"""<system{f" prefix='{prefix}'" if prefix else ""}>
    <initialize nbeads='{beads}'>
      <file mode='xyz'>init.xyz</file>
      <velocities mode='thermal' units='kelvin'>{temperature}</velocities>
    </initialize>
    <forces>{forces}</forces>
    <ensemble><temperature units='kelvin'>{temperature}</temperature>{ensemble}</ensemble>
    {motion}
  </system>"""


def simulation(
    *systems: str,
    fields: str,
    properties: str,
    steps: int,
    trajectories: Mapping[str, str] = TRAJECTORIES,
    extras: str = "",
    stride: int = 1,
    every: int = 1,
    checkpoint: int | None = None,
    overwrite: bool = False,
    seed: int = 42,
    attributes: Sequence[str] = ("verbosity='low'",),
    more: str = "",
) -> str:
    """A whole input: ``out.props``, ``out.NAME_B.bin`` of the trajectories, ``out.moe_B``, ``out.chk_N``.

    Args:
        systems: see :func:`system`.
        fields: force fields.
        properties: what ``out.props`` lists, separated by commas.
        steps: ``<total_steps>``.
        trajectories: what is written, by the name of the file.
        extras: names of extras, separated by commas.
        stride: of the properties.
        every: stride of the trajectories.
        checkpoint: stride of the checkpoints.
        overwrite: keep only the last checkpoint.
        seed: of i-PI's random numbers.
        attributes: of ``<simulation>``.
        more: at the end.
    """
    outputs = [f"<properties filename='props' stride='{stride}'>[{properties}]</properties>"]
    outputs += [
        f"<trajectory filename='{name}' stride='{every}' format='bin'>{what}</trajectory>"
        for name, what in trajectories.items()
    ]
    if extras:
        outputs.append(f"<trajectory filename='moe' stride='1' extra_type='{extras}'>extras</trajectory>")
    if checkpoint:
        outputs.append(f"<checkpoint filename='chk' stride='{checkpoint}' overwrite='{str(overwrite).lower()}'/>")
    lines = "\n    ".join(outputs)
    return f"""<simulation {" ".join(attributes)} floatformat='%25.17e'>
  <output prefix='out'>
    {lines}
  </output>
  <total_steps>{steps}</total_steps>
  <prng><seed>{seed}</seed></prng>
  {fields}
  {"".join(systems)}
  {more}
</simulation>
"""
