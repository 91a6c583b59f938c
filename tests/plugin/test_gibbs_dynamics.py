"""Reassignments that are drawn in all that i-PI does: barostats, time steps, contraction, biases, batches."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from ipi.utils.nmtransform import nm_rescale

from moe_ipi.frames import PERIODIC
from moe_ipi.regions.smooth import SmoothRegions
from moe_ipi.units import BOHR, HARTREE
from tests.helpers import inputs
from tests.helpers.adaptive import ledger, properties
from tests.helpers.case import Case, cell_of
from tests.helpers.configs import GIBBS
from tests.helpers.drawn import KB, TEMPERATURE, check_probabilities, differences
from tests.helpers.moe_ipi_run import run, run_to_end
from tests.helpers.processes import assert_one_error, wait_for

STRIDE = 5
SPRING = 0.02
BULK = "<force forcefield='bulk'><mts_weights>[0, 1]</mts_weights></force>"


@dataclass(frozen=True)
class Kind:
    """A way to run.

    Attributes:
        beads: of the ring polymer.
        contracted: beads of what follows the assignment.
        mode: of the dynamics.
        options: of the force field.
        split: bulk on every atom, and the correction in outer steps.
        spring: a bias of the input's own.
        arguments: of moe-ipi run.
    """

    beads: int = 1
    contracted: int = 0
    mode: str = "nvt"
    options: str = ""
    split: bool = False
    spring: bool = False
    arguments: tuple[str, ...] = ()


KINDS = {
    "npt": Kind(mode="npt"),
    "npt, beads": Kind(beads=2, mode="npt"),
    "cell shape": Kind(mode="nst"),
    "time steps and contraction": Kind(beads=4, contracted=2, split=True),
    "contraction to the centroid": Kind(beads=4, contracted=1, split=True),
    "a bias besides": Kind(beads=2, spring=True),
    "batches": Kind(beads=4, options="<batch_size>4</batch_size>"),
    "several drivers": Kind(beads=4, arguments=("-n", "2")),
}
#: Those that run with every test; the others are variants.
QUICK = ("npt", "time steps and contraction")


def write_input(case: Case, kind: Kind, *, steps: int, timestep: float = 0.5, tau: float = 50) -> None:
    """``tau``: fs, of the thermostats."""
    thermostat = inputs.thermostat("pile_l" if kind.beads > 1 else "langevin", tau)
    inside = [thermostat]
    if kind.mode in ("npt", "nst"):
        mode = "isotropic" if kind.mode == "npt" else "anisotropic"
        inertia = f"<tau units='femtosecond'>50</tau>{inputs.thermostat('langevin', tau)}"
        start = ", ".join(map(str, (case.atoms.cell.array.T / BOHR).ravel()))
        reference = "" if kind.mode == "npt" else f"<h0>[{start}]</h0>"
        inside.append(f"<barostat mode='{mode}'>{inertia}{reference}</barostat>")
    forces, fields = "<force forcefield='moe'/>", case.ffsocket(options=kind.options)
    if kind.split:
        inside.insert(0, "<nmts>[1, 2]</nmts>")
        outer = "<mts_weights>[1, 0]</mts_weights>"
        forces = f"{BULK}<force forcefield='correction' nbeads='{kind.contracted}'>{outer}</force>"
        names = ("bulk", "correction")
        fields = "".join(
            inputs.ffsocket(name, f"{case.name}{name}", options=inputs.hamiltonian(name)) for name in names
        )
    ensemble = "<pressure units='megapascal'>1</pressure>" if kind.mode == "npt" else ""
    if kind.mode == "nst":
        ensemble = "<stress units='megapascal'>[1,0,0,0,1,0,0,0,1]</stress>"
    if kind.spring:
        ensemble += "<bias><force forcefield='spring' nbeads='1'/></bias>"
        fields += inputs.spring("spring", case.atoms.positions / BOHR, case.species.index("C"), SPRING)
    system = inputs.system(
        inputs.dynamics(kind.mode, timestep, *inside),
        beads=kind.beads,
        temperature=TEMPERATURE,
        forces=forces,
        ensemble=ensemble,
    )
    case.write(
        inputs.simulation(
            system,
            fields=fields,
            steps=steps,
            properties="step, conserved{electronvolt}, potential{electronvolt}, ensemble_bias{electronvolt}, "
            "cell_h{angstrom}",
            trajectories={"pos": "positions"},
            checkpoint=STRIDE,
            overwrite=True,
            seed=5,
        )
    )


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in KINDS]
)
def test_every_step_has_the_energy_bias_and_probabilities_of_its_assignment(tmp_path: Path, name: str) -> None:
    kind, steps = KINDS[name], 60
    case = Case.create(tmp_path, GIBBS)
    write_input(case, kind, steps=steps)
    run_to_end(case, "input.xml", *kind.arguments)
    printed, lines = properties(tmp_path), {line.step: line for line in ledger(tmp_path)}
    assert sorted(lines) == list(range(0, steps + 1, STRIDE)) and len(printed) == steps + 1
    smooth, potential = SmoothRegions(case.config.regions, case.species), case.potential()
    n = len(case.atoms)
    frames = case.frames("pos", kind.beads, steps + 1) * BOHR
    contract = nm_rescale(kind.beads, kind.contracted or kind.beads)
    mask, changes = np.zeros(n, bool), 0
    for k, beads in enumerate(frames):
        cell = cell_of(printed[k, 4:10])
        few = contract.b1tob2(beads.reshape(len(beads), -1)).reshape(-1, n, 3)
        centroid = beads.mean(axis=0)
        if k in lines:
            line = lines[k]
            mask[list(line.joined)] = True
            mask[list(line.left)] = False
            changes += len(line.joined | line.left) if k else 0
            check_probabilities(
                line.named, smooth.log_bulk(centroid, cell, PERIODIC), differences(potential, few, cell)
            )
        bias = KB * TEMPERATURE * smooth.bias(centroid, cell, PERIODIC, mask).energy
        if kind.spring:
            carbon = case.species.index("C")
            bias += 0.5 * SPRING * (((centroid - case.atoms.positions)[carbon] / BOHR) ** 2).sum() * HARTREE
        assert printed[k, 3] == pytest.approx(bias, abs=1e-8)
        hamiltonians = {"bulk": beads, "correction": few} if kind.split else {"moe": beads}
        energy = sum(
            potential.evaluate(x, np.repeat(cell[None], len(x), axis=0), mask, hamiltonian=each).energies.mean()
            for each, x in hamiltonians.items()
        )
        assert printed[k, 2] == pytest.approx(energy, rel=1e-10)
    assert changes > 3
    # The conserved quantity moves as little at changes of the assignment as elsewhere.
    moves = abs(np.diff(printed[:, 1]))
    at = np.array([step for step, line in lines.items() if step and (line.joined or line.left)]) - 1
    jumps = max(abs(line.jumps[0]) for line in lines.values())
    assert moves[at].max() < 2 * np.delete(moves, at).max() < 0.6 * jumps


@pytest.mark.slow
def test_barostats_feel_the_bias(tmp_path: Path) -> None:
    """Half the time step, a quarter of the error: nothing but the integration is in the conserved quantity.

    Thermostats that hardly act: both are the same trajectory.  (With i-PI's flexible barostat the conserved quantity
    changes by more than that, with fixed regions and without a bias, too.)
    """
    errors = []
    for timestep, steps in ((0.5, 80), (0.25, 160)):
        case = Case.create(tmp_path / str(timestep), GIBBS + "segment_steps = 1000\n")
        write_input(case, Kind(mode="npt"), steps=steps, timestep=timestep, tau=1e6)
        run_to_end(case)
        conserved = properties(case.folder)[:, 1]
        errors.append(np.std(conserved))
    assert errors[1] < 0.45 * errors[0]


def test_fourth_order_integrators_are_refused(tmp_path: Path) -> None:
    case = Case.create(tmp_path, GIBBS)
    write_input(case, Kind(beads=2, mode="sc"), steps=10)
    with run(case) as parent:
        assert_one_error(wait_for(parent, 1), "fourth-order integrators")
