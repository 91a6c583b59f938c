"""Path integrals with the cheap expert on all beads and the correction contracted: the same quantum kinetic energy."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from moe_ipi.ledger import mean_and_error
from tests.helpers import inputs
from tests.helpers.case import Case
from tests.helpers.configs import MOE_TOML
from tests.helpers.moe_ipi_run import run_to_end

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
    case = Case.create(folder, MOE_TOML)
    sockets = "".join(
        inputs.ffsocket(name, f"{case.name}{name}", options=inputs.hamiltonian(hamiltonian))
        for name, hamiltonian in SOCKETS[kind].items()
    )
    nmts = ["<nmts>[1, 2]</nmts>"] if kind == "split" else []
    motion = inputs.dynamics("nvt", 0.5, *nmts, inputs.thermostat("pile_l", 50))
    case.write(
        inputs.simulation(
            inputs.system(motion, beads=8, temperature=300, forces=FORCES[kind]),
            fields=sockets,
            steps=STEPS,
            properties="step, kinetic_cv{electronvolt}(C), kinetic_cv{electronvolt}(O), conserved{electronvolt}",
            stride=5,
            trajectories={},
            checkpoint=1000,
            seed=7,
            attributes=("verbosity='quiet'", "safe_stride='1000'"),
        )
    )
    run_to_end(case)
    return np.loadtxt(folder / "out.props")[DISCARDED // 5 :, 1:3]


@pytest.mark.slow
def test_kinetic_energy_of_co(tmp_path: Path) -> None:
    found = {kind: kinetic(tmp_path / kind, kind) for kind in FORCES}
    for column, element in enumerate("CO"):
        (plain, one), (split, other) = (
            mean_and_error(found[kind][:, column], blocks=12) for kind in ("plain", "split")
        )
        values = [1000 * value for value in (plain, one, split, other)]
        print("{}: plain {:.1f} +- {:.1f} meV, split {:.1f} +- {:.1f} meV".format(element, *values))
        error = np.hypot(one, other)
        assert abs(plain - split) < 3 * error
        # The error bars are narrow enough to mean something: classically it would be 38.8 meV.
        assert error < 0.05 * plain and plain > 0.0388 + 5 * one
