"""Path integrals with the cheap expert on all beads and the correction contracted: the same quantum kinetic energy."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from driver_runs import MOE_TOML, Case, wait_for
from runs import run

FORCES = {
    "plain": "<force forcefield='moe'/>",
    "split": "<force forcefield='bulk'><mts_weights>[0, 1]</mts_weights></force>"
    "<force forcefield='correction' nbeads='2'><mts_weights>[1, 0]</mts_weights></force>",
}
SOCKETS = {
    "plain": {"moe": "moe"},
    "split": {"bulk": "bulk", "correction": "correction"},
}
STEPS, DISCARDED = 4000, 400


def kinetic(folder: Path, kind: str) -> np.ndarray:
    """(samples, 2) eV: centroid-virial kinetic energies of C and O, in 2 ps at 300 K."""
    folder.mkdir()
    case = Case.create(folder, MOE_TOML)
    sockets = "".join(
        f"<ffsocket name='{name}' mode='unix' pbc='False'><address>{case.name}{name}</address><latency>1e-4</latency>"
        f"<parameters>{{moe_hamiltonian: {hamiltonian}}}</parameters></ffsocket>"
        for name, hamiltonian in SOCKETS[kind].items()
    )
    nmts = "<nmts>[1, 2]</nmts>" if kind == "split" else ""
    input = folder / "input.xml"
    input.write_text(f"""<simulation verbosity='quiet' floatformat='%25.17e' safe_stride='1000'>
  <output prefix='out'>
    <properties filename='props' stride='5'>
      [step, kinetic_cv{{electronvolt}}(C), kinetic_cv{{electronvolt}}(O), conserved{{electronvolt}}]
    </properties>
    <checkpoint filename='chk' stride='1000'/>
  </output>
  <total_steps>{STEPS}</total_steps>
  <prng><seed>7</seed></prng>
  {sockets}
  <system>
    <initialize nbeads='8'>
      <file mode='xyz'>init.xyz</file>
      <velocities mode='thermal' units='kelvin'>300</velocities>
    </initialize>
    <forces>{FORCES[kind]}</forces>
    <ensemble><temperature units='kelvin'>300</temperature></ensemble>
    <motion mode='dynamics'>
      <dynamics mode='nvt'>
        <timestep units='femtosecond'>0.5</timestep>{nmts}
        <thermostat mode='pile_l'><tau units='femtosecond'>50</tau></thermostat>
      </dynamics>
    </motion>
  </system>
</simulation>
""")
    with run(case, input, "-c", "moe.toml") as parent:
        wait_for(parent)
    return np.loadtxt(folder / "out.props")[DISCARDED // 5 :, 1:3]


def mean_and_error(samples: np.ndarray, blocks: int = 12) -> tuple[float, float]:
    means = np.array([block.mean() for block in np.array_split(samples, blocks)])
    return float(means.mean()), float(means.std(ddof=1) / np.sqrt(blocks))


@pytest.mark.slow
def test_kinetic_energy_of_co(tmp_path: Path) -> None:
    found = {kind: kinetic(tmp_path / kind, kind) for kind in FORCES}
    for column, element in enumerate("CO"):
        (plain, one), (split, other) = (mean_and_error(found[kind][:, column]) for kind in ("plain", "split"))
        values = [1000 * value for value in (plain, one, split, other)]
        print("{}: plain {:.1f} +- {:.1f} meV, split {:.1f} +- {:.1f} meV".format(element, *values))
        error = np.hypot(one, other)
        assert abs(plain - split) < 3 * error
        # The error bars are narrow enough to mean something: classically it would be 38.8 meV.
        assert error < 0.05 * plain and plain > 0.0388 + 5 * one
