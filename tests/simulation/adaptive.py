"""A system whose regions change all the time, and what a run of it leaves."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from driver_runs import MOE_TOML, Case, read_binary

from moe_ipi.potential import MoEPotential
from moe_ipi.units import BOHR, HARTREE_PER_BOHR

#: CO at 900 K: Pt atoms come and go, and every rule that remembers takes part.
ADAPTIVE = (
    MOE_TOML.replace("radius = 2.6", "radius_in = 3.3\nradius_out = 3.4\ndwell = 2").replace(
        "rules = [{",
        'rules = [{ type = "coordination", species = ["Pt"], cutoff = 3.0, below = 8, average = true }, {',
    )
    + "[segments]\nsample_steps = 3\n"
)
#: No memory: Pt atoms change all the time as they vibrate, and as CO leaves.
CHANGING = MOE_TOML.replace("radius = 2.6", "radius = 1.5").replace(
    "rules = [{", 'rules = [{ type = "coordination", species = ["Pt"], cutoff = 2.9, below = 8 }, {'
)


def write_input(
    case: Case,
    *,
    steps: int,
    beads: int = 1,
    stride: int | None = 10,
    ensemble: str = "nvt",
    timestep: float = 1.0,
    temperature: float = 900.0,
    options: str = "",
    properties: str = "",
) -> Path:
    """i-PI's input; forces, positions, momenta of every bead in full precision, checkpoints ``out.chk_N``."""
    path = case.folder / "input.xml"
    kind = "pile_g" if beads > 1 else "langevin"
    thermostat = f"<thermostat mode='{kind}'><tau units='femtosecond'>50</tau></thermostat>"
    thermostat = thermostat if ensemble == "nvt" else ""
    checkpoint = f"<checkpoint filename='chk' stride='{stride}' overwrite='false'/>" if stride else ""
    path.write_text(f"""<simulation verbosity='low' floatformat='%25.17e'>
  <output prefix='out'>
    <properties filename='props' stride='1'>
      [step, conserved{{electronvolt}}, potential{{electronvolt}}{properties}]
    </properties>
    <trajectory filename='pos' stride='1' format='bin'>positions</trajectory>
    <trajectory filename='mom' stride='1' format='bin'>momenta</trajectory>
    <trajectory filename='for' stride='1' format='bin'>forces</trajectory>
    <trajectory filename='moe' stride='1' extra_type='moe_assignment'>extras</trajectory>
    {checkpoint}
  </output>
  <total_steps>{steps}</total_steps>
  <prng><seed>42</seed></prng>
  {case.ffsocket(options=options)}
  <system>
    <initialize nbeads='{beads}'>
      <file mode='xyz'>init.xyz</file>
      <velocities mode='thermal' units='kelvin'>{temperature}</velocities>
    </initialize>
    <forces><force forcefield='moe'/></forces>
    <ensemble><temperature units='kelvin'>{temperature}</temperature></ensemble>
    <motion mode='dynamics'>
      <dynamics mode='{ensemble}'><timestep units='femtosecond'>{timestep}</timestep>{thermostat}</dynamics>
    </motion>
  </system>
</simulation>
""")
    return path


@dataclass
class Line:
    """A line of the ledger."""

    step: int
    segment: int
    n_complex: int
    token: str
    jumps: list[float]
    joined: set[int]
    left: set[int]


def ledger(folder: Path, prefix: str = "out") -> list[Line]:
    """The lines of the ledger."""
    lines = []
    for text in (folder / f"{prefix}.moe_ledger").read_text().splitlines():
        if text.startswith("#"):
            continue
        step, segment, n_complex, token, _, *jumps, joined, left = text.split()
        atoms = [{int(atom) for atom in part.partition("=")[2].split(",") if atom != "-"} for part in (joined, left)]
        lines.append(Line(int(step), int(segment), int(n_complex), token, [float(jump) for jump in jumps], *atoms))
    return lines


def properties(folder: Path) -> np.ndarray:
    """(steps + 1, columns) what i-PI printed."""
    return np.loadtxt(folder / "out.props", ndmin=2)


def assignments(folder: Path, bead: str = "0") -> np.ndarray:
    """(steps + 1, N) the assignment of every step, as the drivers returned it."""
    return np.array([line.split() for line in (folder / f"out.moe_{bead}").read_text().splitlines()[1::2]], float)


def check_every_frame(case: Case, beads: int = 1) -> None:
    """Every energy and force that i-PI has is that of its positions under the assignment of its segment."""
    lines = ledger(case.folder)
    printed = properties(case.folder)
    natoms, frames = len(case.atoms), len(printed)
    potential = MoEPotential.from_config(case.config, case.atoms.get_chemical_symbols())
    width = len(str(beads - 1))
    names = [f"{b:0{width}d}" for b in range(beads)]
    positions, forces = (
        np.stack([read_binary(case.folder / f"out.{name}_{b}.bin", natoms, frames) for b in names], axis=1)
        for name in ("pos", "for")
    )
    returned = [assignments(case.folder, b) for b in names]
    cells = np.repeat(case.atoms.cell.array[None], beads, axis=0)
    mask, entries = np.zeros(natoms, bool), iter(lines)
    entry = next(entries)
    for k in range(frames):
        while entry is not None and entry.step == k:
            mask[list(entry.joined)] = True
            mask[list(entry.left)] = False
            assert mask.sum() == entry.n_complex
            entry = next(entries, None)
        for rows in returned:
            np.testing.assert_array_equal(rows[k], mask)
        direct = potential.evaluate(positions[k] * BOHR, cells, mask)
        np.testing.assert_allclose(printed[k, 2], direct.energies.mean(), rtol=1e-10)
        error = abs(forces[k] * HARTREE_PER_BOHR - direct.forces).max()
        assert error < 1e-9, f"step {k}: {error}"
    assert entry is None
