"""Biased replicas that exchange their temperatures while the assignment changes."""

from pathlib import Path

import numpy as np
from adaptive import CHANGING, ledger
from driver_runs import Case, read_binary, wait_for
from runs import run

from moe_ipi.potential import MoEPotential
from moe_ipi.units import BOHR, HARTREE

STEPS, STRIDE, BEADS = 40, 5, 2
#: Hartree/bohr^2, of the spring that holds C to where it began.
SPRING = 0.02
#: Of the bias that comes from a driver.
WEIGHT = 0.25


def write_input(case: Case) -> Path:
    """Two replicas; a spring acts on the centroid, and a part of the energy of the complex atoms on every bead."""
    natoms = len(case.atoms)
    hessian = np.zeros((3 * natoms, 3 * natoms))
    carbon = case.atoms.get_chemical_symbols().index("C")
    hessian[range(3 * carbon, 3 * carbon + 3), range(3 * carbon, 3 * carbon + 3)] = SPRING
    systems = "".join(
        f"""<system prefix='{name}'>
    <initialize nbeads='{BEADS}'>
      <file mode='xyz'>init.xyz</file><velocities mode='thermal' units='kelvin'>{kelvin}</velocities>
    </initialize>
    <forces><force forcefield='moe'/></forces>
    <ensemble>
      <temperature units='kelvin'>{kelvin}</temperature>
      <bias><force forcefield='spring' nbeads='1'/><force forcefield='correction'/></bias>
      <bias_weights>[1.0, {WEIGHT}]</bias_weights>
    </ensemble>
    <motion mode='dynamics'>
      <dynamics mode='nvt'><timestep units='femtosecond'>0.5</timestep>
        <thermostat mode='pile_g'><tau units='femtosecond'>50</tau></thermostat></dynamics>
    </motion>
  </system>
  """
        for name, kelvin in (("a", 800), ("b", 900))
    )
    correction = case.ffsocket(options="<parameters>{moe_hamiltonian: correction}</parameters>")
    correction = correction.replace("name='moe'", "name='correction'").replace(case.name, f"{case.name}-correction")
    path = case.folder / "input.xml"
    path.write_text(f"""<simulation verbosity='low' floatformat='%25.17e' threading='False'>
  <output prefix='out'>
    <properties filename='props' stride='1'>
      [step, conserved{{electronvolt}}, potential{{electronvolt}}, ensemble_bias{{electronvolt}},
       ensemble_temperature{{kelvin}}]
    </properties>
    <trajectory filename='pos' stride='1' format='bin'>positions</trajectory>
    <checkpoint filename='chk' stride='{STRIDE}' overwrite='true'/>
  </output>
  <total_steps>{STEPS}</total_steps>
  <prng><seed>7</seed></prng>
  {case.ffsocket()}
  {correction}
  <ffdebye name='spring'>
    <hessian shape='({3 * natoms}, {3 * natoms})'> [ {", ".join(map(str, hessian.ravel()))} ] </hessian>
    <x_reference> [ {", ".join(map(str, case.atoms.positions.ravel() / BOHR))} ] </x_reference>
  </ffdebye>
  {systems}
  <smotion mode='remd'><remd><stride>4</stride></remd></smotion>
</simulation>
""")
    return path


def test_bias_and_exchange_under_changing_assignments(tmp_path: Path) -> None:
    case = Case.create(tmp_path, CHANGING)
    with run(case, write_input(case), "-c", "moe.toml") as parent:
        wait_for(parent)
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
    potential = MoEPotential.from_config(case.config, case.atoms.get_chemical_symbols())
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
