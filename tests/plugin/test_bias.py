"""Biased replicas that exchange their temperatures while the assignment changes."""

from pathlib import Path

import numpy as np

from moe_ipi.units import BOHR, HARTREE
from tests.helpers import inputs
from tests.helpers.adaptive import ledger
from tests.helpers.case import Case, read_binary
from tests.helpers.configs import CHANGING
from tests.helpers.moe_ipi_run import run_to_end

STEPS, STRIDE, BEADS = 40, 5, 2
#: Hartree/bohr^2, of the spring that holds C to where it began.
SPRING = 0.02
#: Of the bias that comes from a driver.
WEIGHT = 0.25


def write_input(case: Case) -> Path:
    """Two replicas; a spring acts on the centroid, and a part of the energy of the complex atoms on every bead."""
    bias = f"""<bias><force forcefield='spring' nbeads='1'/><force forcefield='correction'/></bias>
      <bias_weights>[1.0, {WEIGHT}]</bias_weights>"""
    motion = inputs.dynamics("nvt", 0.5, inputs.thermostat("pile_g", 50))
    systems = [
        inputs.system(motion, beads=BEADS, temperature=kelvin, ensemble=bias, prefix=name)
        for name, kelvin in (("a", 800), ("b", 900))
    ]
    correction = inputs.ffsocket("correction", f"{case.name}-correction", options=inputs.hamiltonian("correction"))
    spring = inputs.spring("spring", case.atoms.positions / BOHR, case.species.index("C"), SPRING)
    return case.write(
        inputs.simulation(
            *systems,
            fields=case.ffsocket() + correction + spring,
            steps=STEPS,
            properties="step, conserved{electronvolt}, potential{electronvolt}, ensemble_bias{electronvolt}, "
            "ensemble_temperature{kelvin}",
            trajectories={"pos": "positions"},
            checkpoint=STRIDE,
            overwrite=True,
            seed=7,
            attributes=("verbosity='low'", "threading='False'"),
            more="<smotion mode='remd'><remd><stride>4</stride></remd></smotion>",
        )
    )


def test_bias_and_exchange_under_changing_assignments(tmp_path: Path) -> None:
    case = Case.create(tmp_path, CHANGING)
    run_to_end(case, write_input(case))
    lines = ledger(tmp_path)
    assert [line.step for line in lines] == list(range(0, STEPS + 1, STRIDE))
    changed = [line.step for line in lines[1:] if line.joined or line.left]
    assert len(changed) >= 3
    temperatures = []
    for k, name in enumerate("ab"):
        printed = np.loadtxt(tmp_path / f"{name}_out.props")
        check_energies(case, name, printed)
        # What the conserved quantity does from step to step does not depend on whether the assignment changes there.
        steps = abs(np.diff(printed[:, 1]))
        at_changes = steps[np.array(changed) - 1]
        jumps = np.array([abs(line.jumps[k]) for line in lines if line.step in changed])
        assert jumps.max() > 20 * steps.max()
        assert at_changes.max() < 5 * np.median(steps)
        temperatures.append(printed[:, 4])
    swapped = temperatures[0] == 900
    assert swapped.any() and not swapped.all()
    assert (temperatures[1] == np.where(swapped, 800, 900)).all()


def check_energies(case: Case, name: str, printed: np.ndarray) -> None:
    """Potential and bias of every step, under the assignment of its segment."""
    natoms, frames = len(case.atoms), STEPS + 1
    potential = case.potential()
    beads = [read_binary(case.folder / f"{name}_out.pos_{b}.bin", natoms, frames) * BOHR for b in range(BEADS)]
    positions = np.stack(beads, axis=1)
    carbon = case.atoms.get_chemical_symbols().index("C")
    cells = np.repeat(case.atoms.cell.array[None], BEADS, axis=0)
    lines = {line.step: line for line in ledger(case.folder)}
    mask = np.zeros(natoms, bool)
    for k in range(frames):
        if k in lines:
            mask[list(lines[k].joined)] = True
            mask[list(lines[k].left)] = False
        moe, correction = (
            potential.evaluate(positions[k], cells, mask, hamiltonian=hamiltonian).energies.mean()
            for hamiltonian in ("moe", "correction")
        )
        moved = (positions[k].mean(axis=0)[carbon] - case.atoms.positions[carbon]) / BOHR
        spring = 0.5 * SPRING * (moved**2).sum() * HARTREE
        np.testing.assert_allclose(printed[k, 2], moe, rtol=1e-10)
        np.testing.assert_allclose(printed[k, 3], spring + WEIGHT * correction, rtol=0, atol=1e-8)
