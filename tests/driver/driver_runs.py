"""Start real servers and drivers on a tiny Pt + CO slab, and compare what i-PI wrote with direct evaluations."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.build import add_adsorbate, fcc111
from configs import PAIR

from moe_ipi.calculator import MoECalculator
from moe_ipi.config import Config, load_config
from moe_ipi.driver.client import Server, run_client
from moe_ipi.driver.evaluator import Evaluator
from moe_ipi.potential import MoEPotential
from moe_ipi.regions.partitioner import Partitioner
from moe_ipi.units import HARTREE

TIMEOUT = 120.0
PES = Path(__file__).parents[2] / "drivers" / "moe_ipi_pes.py"
EXTRAS = "moe_n_complex,moe_assignment,moe_atom_energies"
MOE_TOML = f"""{PAIR}[regions]
radius = 2.6
rules = [{{ type = "species", species = ["C", "O"] }}]
[driver]
extras = ["assignment", "atom_energies"]
"""


def slab() -> Atoms:
    """Eight Pt atoms in a triclinic, periodic cell with CO on top; sees its own images."""
    atoms = fcc111("Pt", (2, 2, 2), a=3.92, vacuum=6.0, periodic=True)
    add_adsorbate(atoms, Atoms("CO", [[0, 0, 0], [0, 0, 1.15]]), 1.9, "ontop")
    atoms.rattle(0.05, seed=3)
    return atoms


def write_ipi_xyz(path: Path, atoms: Atoms) -> None:
    """i-PI's own xyz; H is row-major and its columns are lattice vectors."""
    numbers = " ".join(f"{x:.14e}" for x in atoms.cell.array.T.ravel())
    lines = [str(len(atoms)), f"# CELL{{H}}: {numbers} positions{{angstrom}} cell{{angstrom}}"]
    lines += [f"{s} {x:.14e} {y:.14e} {z:.14e}" for s, (x, y, z) in zip(atoms.symbols, atoms.positions, strict=True)]
    path.write_text("\n".join(lines) + "\n")


def free_port() -> int:
    """A TCP port on which nobody listens."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


@dataclass
class Case:
    """A folder with ``init.xyz`` and ``moe.toml``, and a UNIX socket name of its own."""

    folder: Path
    atoms: Atoms
    name: str

    @classmethod
    def create(cls, folder: Path, config: str = MOE_TOML) -> Case:
        atoms = slab()
        write_ipi_xyz(folder / "init.xyz", atoms)
        (folder / "moe.toml").write_text(config)
        return cls(folder, atoms, f"test_{uuid.uuid4().hex[:12]}")

    @property
    def config(self) -> Config:
        return load_config(self.folder / "moe.toml")

    @property
    def template(self) -> Path:
        return self.folder / "init.xyz"

    @property
    def unix(self) -> Server:
        return Server(self.name)

    def evaluator(self, log: Callable[[str], None] = lambda line: None) -> Evaluator:
        return Evaluator.from_config(self.config, self.template, log=log)

    def assignment(self) -> np.ndarray:
        partitioner = Partitioner(self.config.regions, self.atoms.get_chemical_symbols())
        return partitioner.assign(self.atoms.positions, self.atoms.cell.array)

    def write_input(self, forcefield: str, *, beads: int = 1, steps: int = 3, mode: str = "nve") -> Path:
        """Write i-PI's input with full-precision outputs of every step and bead."""
        path = self.folder / "input.xml"
        barostat = (
            "<barostat mode='isotropic'><tau units='femtosecond'>50</tau>"
            "<thermostat mode='langevin'><tau units='femtosecond'>100</tau></thermostat></barostat>"
            "<thermostat mode='langevin'><tau units='femtosecond'>100</tau></thermostat>"
        )
        dynamics = f"<timestep units='femtosecond'>0.5</timestep>{barostat if mode == 'npt' else ''}"
        path.write_text(f"""<simulation verbosity='low' floatformat='%25.17e'>
  <output prefix='out'>
    <properties filename='props' stride='1'>
      [step, bead_potentials{{electronvolt}}, virial_md, volume, cell_h{{angstrom}}]
    </properties>
    <trajectory filename='pos' stride='1' format='bin'>positions{{angstrom}}</trajectory>
    <trajectory filename='for' stride='1' format='bin'>forces{{ev/ang}}</trajectory>
    <trajectory filename='moe' stride='1' extra_type='{EXTRAS}'>extras</trajectory>
  </output>
  <total_steps>{steps}</total_steps>
  <prng><seed>42</seed></prng>
  {forcefield}
  <system>
    <initialize nbeads='{beads}'>
      <file mode='xyz'>init.xyz</file>
      <velocities mode='thermal' units='kelvin'>400</velocities>
    </initialize>
    <forces><force forcefield='moe'/></forces>
    <ensemble><temperature units='kelvin'>400</temperature><pressure units='megapascal'>1</pressure></ensemble>
    <motion mode='dynamics'><dynamics mode='{mode}'>{dynamics}</dynamics></motion>
  </system>
</simulation>
""")
        return path

    def ffsocket(self, mode: str = "unix", *, port: int = 0, options: str = "") -> str:
        address = "127.0.0.1" if mode == "inet" else self.name
        where = f"<address>{address}</address>" + (f"<port>{port}</port>" if mode == "inet" else "")
        return f"<ffsocket name='moe' mode='{mode}' pbc='False'>{where}<latency>1e-4</latency>{options}</ffsocket>"

    def check_outputs(self, *, beads: int, steps: int, rtol: float = 1e-10) -> None:
        """Compare every number i-PI wrote with a direct evaluation of the positions it wrote."""
        potential = MoEPotential.from_config(self.config, self.atoms.get_chemical_symbols())
        assignment = self.assignment()
        assert 2 < assignment.sum() < len(assignment)
        properties = np.loadtxt(self.folder / "out.props", ndmin=2)
        width = len(str(beads - 1))
        positions, forces = (
            np.stack(
                [
                    read_binary(self.folder / f"out.{name}_{b:0{width}d}.bin", len(assignment), steps + 1)
                    for b in range(beads)
                ],
                axis=1,
            )
            for name in ("pos", "for")
        )
        extras = [(self.folder / f"out.moe_{b:0{width}d}").read_text().splitlines() for b in range(beads)]
        assert len(properties) == steps + 1
        for k, row in enumerate(properties):
            volume, (xx, yy, zz, xy, xz, yz) = row[7 + beads], row[8 + beads :]
            cell = np.array([[xx, 0, 0], [xy, yy, 0], [xz, yz, zz]])
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


def read_binary(path: Path, natoms: int, frames: int) -> np.ndarray:
    """Frames of i-PI's binary format, the only one with all digits: h, N, 3N numbers, and text of fixed width."""
    data = path.read_bytes()
    size = len(data) // frames
    assert size * frames == len(data)
    starts = range(0, len(data), size)
    assert all(np.frombuffer(data, np.int64, 1, k + 72)[0] == natoms for k in starts)
    return np.stack([np.frombuffer(data, np.float64, 3 * natoms, k + 80).reshape(natoms, 3) for k in starts])


@contextmanager
def process(*command: str | Path, cwd: Path) -> Iterator[subprocess.Popen[str]]:
    """A child that does not outlive the block."""
    log = cwd / f"{Path(command[0]).name}_{uuid.uuid4().hex[:6]}.log"
    with log.open("w") as out:
        child = subprocess.Popen([str(c) for c in command], cwd=cwd, stdout=out, stderr=subprocess.STDOUT, text=True)
    child.log = log
    try:
        yield child
    finally:
        if child.poll() is None:
            child.kill()
        child.wait()


@contextmanager
def ipi(case: Case, input: Path) -> Iterator[subprocess.Popen[str]]:
    """Plain ``i-pi input.xml``."""
    try:
        with process(Path(sys.executable).with_name("i-pi"), input, cwd=case.folder) as child:
            yield child
    finally:
        Path(case.unix.path).unlink(missing_ok=True)  # a killed i-PI leaves it


def cli(case: Case, *arguments: str | Path) -> AbstractContextManager[subprocess.Popen[str]]:
    """``moe-ipi driver ...``."""
    main = "import sys; from moe_ipi.cli import main; sys.exit(main())"
    return process(sys.executable, "-c", main, "driver", *arguments, cwd=case.folder)


def wait_for(child: subprocess.Popen[str], status: int | None = 0) -> str:
    """Wait for a child and return what it printed; any status but zero is expected if ``status`` is ``None``."""
    code = child.wait(timeout=TIMEOUT)
    output = child.log.read_text()
    assert (code != 0) if status is None else (code == status), f"status {code}:\n{output}"
    return output


class DriverThread(threading.Thread):
    """A driver in this process: it shares the compiled code of the other tests."""

    def __init__(self, server: Server, evaluator: Evaluator, *, connect_timeout: float = 30.0) -> None:
        super().__init__(daemon=True)
        self.lines: list[str] = []
        self.evaluated = 0
        self.error: Exception | None = None
        self._arguments = (server, evaluator, connect_timeout)
        self.start()

    def run(self) -> None:
        server, evaluator, connect_timeout = self._arguments
        try:
            self.evaluated = run_client(server, evaluator, connect_timeout=connect_timeout, log=self.lines.append)
        except Exception as error:
            self.error = error

    def finish(self) -> int:
        """Wait for the end; returns the number of structures evaluated, or raises what ended the driver."""
        self.join(TIMEOUT)
        assert not self.is_alive(), self.lines
        if self.error is not None:
            raise self.error
        return self.evaluated


def run_with_threads(case: Case, input: Path, server: Server, drivers: int = 1) -> list[int]:
    """Run i-PI with drivers in threads to its end; returns how many structures each driver evaluated."""
    threads = [DriverThread(server, case.evaluator()) for _ in range(drivers)]
    with ipi(case, input) as child:
        wait_for(child)
    return [thread.finish() for thread in threads]


def wait_until(condition: Callable[[], bool], seconds: float = 30.0) -> None:
    """Wait for something that another process does."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "nothing happened"
        time.sleep(0.05)
