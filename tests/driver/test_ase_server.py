"""ASE's SocketIOCalculator: a server that was written independently of i-PI."""

import numpy as np
import pytest
from ase import Atoms, units
from ase.calculators.socketio import SocketIOCalculator

from moe_ipi.driver.address import Server
from moe_ipi.driver.evaluator import Evaluator
from moe_ipi.potential import MoEPotential
from moe_ipi.units import BOHR, HARTREE, HARTREE_PER_BOHR
from tests.helpers.case import Case
from tests.helpers.processes import DriverThread, free_port

# ASE and i-PI use different editions of the physical constants, which differ in the eighth digit.
LENGTH = BOHR / units.Bohr
ENERGY = units.Ha / HARTREE
FORCE = units.Ha / units.Bohr / HARTREE_PER_BOHR


@pytest.mark.parametrize("mode", ["unix", "inet"])
def test_slab(case: Case, mode: str) -> None:
    port = free_port() if mode == "inet" else None
    server = Server("localhost", port) if mode == "inet" else case.unix
    driver = DriverThread(server, case.evaluator())
    potential = case.potential()
    address = {"port": port} if mode == "inet" else {"unixsocket": case.name}
    with SocketIOCalculator(timeout=30, **address) as calculator:
        for seed in range(3):
            atoms = case.atoms.copy()
            atoms.rattle(0.02, seed=seed)
            atoms.set_cell(atoms.cell.array * (1 + 0.01 * seed), scale_atoms=True)
            atoms.calc = calculator
            forces, stress = atoms.get_forces(), atoms.get_stress(voigt=False)
            direct = potential.evaluate(
                atoms.positions[None] * LENGTH, atoms.cell.array[None] * LENGTH, case.assignment()
            )
            np.testing.assert_allclose(atoms.get_potential_energy(), direct.energies[0] * ENERGY, rtol=1e-10)
            expected = direct.forces[0] * FORCE
            np.testing.assert_allclose(forces, expected, rtol=0, atol=1e-10 * abs(expected).max())
            expected = -direct.virials[0] * ENERGY / atoms.get_volume()
            np.testing.assert_allclose(stress, expected, rtol=0, atol=1e-10 * abs(expected).max())
    assert driver.finish() == 3
    assert "without EXIT" in driver.lines[-1]


def test_molecule_without_a_cell(case: Case) -> None:
    """ASE sends a cell of zeros; the first structure gives the assignment, as the template has no cell."""
    molecule = Atoms("CO", [[0, 0, 0], [0.1, 0, 1.2]])
    lines: list[str] = []
    evaluator = Evaluator.from_config(case.config, molecule, log=lines.append)
    assert evaluator.assignment is None
    driver = DriverThread(case.unix, evaluator)
    with SocketIOCalculator(timeout=30, unixsocket=case.name) as calculator:
        molecule.calc = calculator
        forces = molecule.get_forces()
    driver.finish()
    potential = MoEPotential.from_config(case.config, ["C", "O"])
    direct = potential.evaluate(molecule.positions[None] * LENGTH, np.zeros((1, 3, 3)), [True, True], (False,) * 3)
    expected = direct.forces[0] * FORCE
    np.testing.assert_allclose(forces, expected, rtol=0, atol=1e-10 * abs(expected).max())
    assert any("2 complex, 0 bulk atoms, from the first structure" in line for line in lines)
