"""A folder in which i-PI runs, and the comparison of what it wrote with direct evaluations."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from ase import Atoms

from moe_ipi.calculator import MoECalculator
from moe_ipi.config import Config, load_config
from moe_ipi.driver.address import Server
from moe_ipi.driver.evaluator import Evaluator
from moe_ipi.potential import MoEPotential
from moe_ipi.regions.partitioner import Partitioner
from moe_ipi.structure import write_ipi_xyz
from moe_ipi.units import HARTREE
from tests.helpers import inputs
from tests.helpers.configs import MOE_TOML
from tests.helpers.structures import co_on_pt

#: Everything that a driver with MOE_TOML returns besides forces.
EXTRAS = "moe_n_complex,moe_assignment,moe_atom_energies"


def write_init(path: Path, atoms: Atoms) -> None:
    """i-PI's own xyz."""
    write_ipi_xyz(path, atoms.symbols, atoms.positions, atoms.cell.array.T, "angstrom")


def new_name() -> str:
    """Of a UNIX socket that no other test uses."""
    return f"test_{uuid.uuid4().hex[:12]}"


@dataclass
class Case:
    """A folder with ``init.xyz`` and ``moe.toml``, and a UNIX socket name of its own."""

    folder: Path
    atoms: Atoms
    name: str

    @classmethod
    def create(cls, folder: Path, config: str = MOE_TOML, atoms: Atoms | None = None) -> Case:
        """In a new or empty folder; without atoms: CO on eight Pt atoms in a triclinic cell, which see their images."""
        folder.mkdir(exist_ok=True)
        atoms = atoms or co_on_pt((2, 2, 2), a=3.92, vacuum=6.0, height=1.9, rattle=0.05, seed=3)
        write_init(folder / "init.xyz", atoms)
        (folder / "moe.toml").write_text(config)
        return cls(folder, atoms, new_name())

    @property
    def config(self) -> Config:
        return load_config(self.folder / "moe.toml")

    @property
    def template(self) -> Path:
        return self.folder / "init.xyz"

    @property
    def unix(self) -> Server:
        return Server(self.name)

    @property
    def species(self) -> list[str]:
        return self.atoms.get_chemical_symbols()

    def evaluator(self, log: Callable[[str], None] = lambda line: None) -> Evaluator:
        return Evaluator.from_config(self.config, self.template, log=log)

    def potential(self) -> MoEPotential:
        return MoEPotential.from_config(self.config, self.species)

    def assignment(self) -> np.ndarray:
        partitioner = Partitioner(self.config.regions, self.species)
        return partitioner.assign(self.atoms.positions, self.atoms.cell.array)

    def ffsocket(self, mode: str = "unix", *, port: int = 0, options: str = "") -> str:
        return inputs.ffsocket("moe", self.name, mode, port=port, options=options)

    def write(self, text: str) -> Path:
        """``input.xml``."""
        path = self.folder / "input.xml"
        path.write_text(text)
        return path

    def write_input(self, fields: str, *, beads: int = 1, steps: int = 3, mode: str = "nve") -> Path:
        """An input with full-precision outputs of every step and bead, for :meth:`check_outputs`."""
        langevin = inputs.thermostat("langevin", 100)
        barostat = f"<barostat mode='isotropic'><tau units='femtosecond'>50</tau>{langevin}</barostat>"
        motion = inputs.dynamics(mode, 0.5, *((barostat, langevin) if mode == "npt" else ()))
        pressure = "<pressure units='megapascal'>1</pressure>"
        return self.write(
            inputs.simulation(
                inputs.system(motion, beads=beads, temperature=400, ensemble=pressure),
                fields=fields,
                steps=steps,
                properties="step, bead_potentials{electronvolt}, virial_md, volume, cell_h{angstrom}",
                trajectories={"pos": "positions{angstrom}", "for": "forces{ev/ang}"},
                extras=EXTRAS,
            )
        )

    def frames(self, name: str, beads: int, frames: int) -> np.ndarray:
        """(frames, B, N, 3) of a trajectory in i-PI's binary format, in its units."""
        each = [read_binary(self.bead_file(name, b, beads, ".bin"), len(self.atoms), frames) for b in range(beads)]
        return np.stack(each, axis=1)

    def bead_file(self, name: str, bead: int, beads: int, suffix: str = "") -> Path:
        """i-PI's file of a bead."""
        return self.folder / f"out.{name}_{bead:0{len(str(beads - 1))}d}{suffix}"

    def check_outputs(self, *, beads: int, steps: int, rtol: float = 1e-10) -> None:
        """Compare every number i-PI wrote with a direct evaluation of the positions it wrote."""
        potential = self.potential()
        assignment = self.assignment()
        assert 2 < assignment.sum() < len(assignment)
        properties = np.loadtxt(self.folder / "out.props", ndmin=2)
        positions, forces = (self.frames(name, beads, steps + 1) for name in ("pos", "for"))
        extras = [self.bead_file("moe", b, beads).read_text().splitlines() for b in range(beads)]
        assert len(properties) == steps + 1
        for k, row in enumerate(properties):
            volume, cell = row[7 + beads], cell_of(row[8 + beads :])
            direct = potential.evaluate(positions[k], np.repeat(cell[None], beads, axis=0), assignment)
            np.testing.assert_allclose(row[1 : 1 + beads], direct.energies, rtol=rtol)
            np.testing.assert_allclose(forces[k], direct.forces, rtol=0, atol=rtol * abs(direct.forces).max())
            w = direct.virials.sum(axis=0)
            virial = np.array([w[0, 0], w[1, 1], w[2, 2], w[0, 1], w[0, 2], w[1, 2]])
            written = row[1 + beads : 7 + beads] * volume * HARTREE
            np.testing.assert_allclose(written, virial, rtol=0, atol=rtol * abs(w).max())
            for b in range(beads):
                written = np.array(extras[b][2 * k + 1].split(), float)
                expected = np.concatenate([[assignment.sum()], assignment, direct.atom_energies[b]])
                np.testing.assert_allclose(written, expected, rtol=rtol)
        calculator = MoECalculator.from_config(self.folder / "moe.toml")
        calculator.set_assignment(assignment)
        last = Atoms(self.atoms.symbols, positions[-1, 0], cell=cell, pbc=True, calculator=calculator)
        np.testing.assert_allclose(properties[-1, 1], last.get_potential_energy(), rtol=rtol)
        np.testing.assert_allclose(forces[-1, 0], last.get_forces(), rtol=0, atol=rtol * abs(forces).max())
        stress = -direct.virials[0] / last.get_volume()  # direct equals what i-PI wrote, see above
        np.testing.assert_allclose(last.get_stress(voigt=False), stress, rtol=0, atol=rtol * abs(stress).max())
        assert np.ptp(positions, axis=0).max() > 1e-4  # it moved, so that later steps test something


def cell_of(numbers: np.ndarray) -> np.ndarray:
    """(3, 3) rows are lattice vectors, from the six numbers of i-PI's ``cell_h``."""
    xx, yy, zz, xy, xz, yz = numbers
    return np.array([[xx, 0, 0], [xy, yy, 0], [xz, yz, zz]])


def read_binary(path: Path, natoms: int, frames: int) -> np.ndarray:
    """Frames of i-PI's binary format, the only one with all digits: h, N, 3N numbers, and text of fixed width."""
    data = path.read_bytes()
    size = len(data) // frames
    assert size * frames == len(data)
    starts = range(0, len(data), size)
    assert all(np.frombuffer(data, np.int64, 1, k + 72)[0] == natoms for k in starts)
    return np.stack([np.frombuffer(data, np.float64, 3 * natoms, k + 80).reshape(natoms, 3) for k in starts])
