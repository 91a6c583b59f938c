"""The inputs that ship, shortened, with the analytic pair: under `moe-ipi run`, and under plain i-PI with drivers."""

import importlib.util
import os
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ipi.utils.units import Elements

from moe_ipi.calculator import MoECalculator
from moe_ipi.plugin.ipi_input import read_input
from moe_ipi.structure import read_template
from moe_ipi.units import BOHR, HARTREE
from tests.helpers.adaptive import ledger
from tests.helpers.case import Case, new_name
from tests.helpers.configs import MOE_TOML
from tests.helpers.moe_ipi_run import run_to_end
from tests.helpers.processes import ROOT, DriverThread, ipi, wait_for

FOLDERS = sorted(p.parent for p in (ROOT / "ipi_inputs").glob("*/input.xml"))
STATIC = ("geop", "vib")
HAS_PLUMED = "PLUMED_KERNEL" in os.environ and importlib.util.find_spec("plumed") is not None
#: Whose parts others have, too.
SLOW = ("nve", "nvt", "pimd", "vib")


def marks(name: str) -> list[pytest.MarkDecorator]:
    """What an input needs, and whether it is among those that every run of the suite takes."""
    needed = [pytest.mark.skipif(not HAS_PLUMED, reason="needs PLUMED_KERNEL")] if name == "metad" else []
    return [*needed, *([pytest.mark.slow] if name in SLOW else [])]


EVERY = [pytest.param(folder, id=folder.name, marks=marks(folder.name)) for folder in FOLDERS]
#: Beads, or replicas, in the inputs with more than one.
SEVERAL = {"pimd": 8, "pimd_mts": 8, "metad": 4, "remd": 3}


def shortened(folder: Path, tmp_path: Path, *, steps: int = 4, stride: int = 100, config: str = MOE_TOML) -> Case:
    """A copy with a socket of its own, fewer steps and more checkpoints."""
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    (tmp_path / "moe.toml").write_text(config)
    case = Case(tmp_path, read_template(tmp_path / "init.xyz"), new_name())
    text = (tmp_path / "input.xml").read_text()
    text = text.replace(f"moe-ipi-{folder.name}", case.name)
    if folder.name not in STATIC:
        text = re.sub(r"<total_steps>\d+", f"<total_steps>{steps}", text)
        text, checkpoints = re.subn(r"(<checkpoint [^>]*stride=)'\d+'", rf"\1'{stride}'", text)
        assert checkpoints == 1
    (tmp_path / "input.xml").write_text(text)
    return case


def outputs(case: Case) -> list[np.ndarray]:
    """The rows of every system's properties, which begin with the step."""
    files = sorted(case.folder.glob("*.out"))
    return [np.loadtxt(file, ndmin=2) for file in files]


@pytest.mark.parametrize("folder", EVERY)
def test_plain_ipi(folder: Path, tmp_path: Path) -> None:
    """As its README says: `i-pi` and a `moe-ipi driver` for every socket."""
    case = shortened(folder, tmp_path)
    source, readme = (folder / "input.xml").read_text(), (folder / "README.md").read_text()
    addresses = re.findall(r"<address>(.*)</address>", source)
    assert re.findall(r"-u -a (\S+)", readme) == addresses
    assert "moe_" not in re.sub("moe_hamiltonian", "", source)
    if folder.name == "geop":
        text = (tmp_path / "input.xml").read_text()
        (tmp_path / "input.xml").write_text(re.sub(r"<total_steps>\d+", "<total_steps>4", text))
    input = tmp_path / "input.xml"
    servers = read_input(input, tmp_path).servers
    drivers = [DriverThread(server, case.evaluator()) for _, server in servers]
    with ipi(case, input) as child:
        wait_for(child)
    evaluated = [driver.finish() for driver in drivers]
    if folder.name == "pimd_mts":
        # The first structure, and in each step: four inner ones, of all beads; one outer one, of half of them.
        assert evaluated == [8 * (1 + 4 * 4), 4 * (1 + 4)]
    elif folder.name not in STATIC:
        assert evaluated == [5 * SEVERAL.get(folder.name, 1)]
    for rows in outputs(case):
        assert rows[-1, 0] == (42 if folder.name == "vib" else 4) and np.isfinite(rows).all()
        if folder.name not in STATIC:
            assert np.ptp(rows[:, 2]) < 1e-3 * len(case.atoms)  # eV, the conserved quantity


@pytest.mark.parametrize("folder", [param for param in EVERY if param.id not in STATIC])
def test_segments(folder: Path, tmp_path: Path) -> None:
    """Under `moe-ipi run` the assignment changes at checkpoints, and the conserved quantity does not show it."""
    # The Pt atoms beside the one under CO begin at 3.3661 A from C: just outside, so that some bead or replica brings
    # them in; or just inside, and C moves away.
    radius = 3.366 if folder.name in SEVERAL else 3.367
    config = MOE_TOML.replace("radius = 2.6", f"radius = {radius}")
    case = shortened(folder, tmp_path, steps=6, stride=2, config=config)
    last = run_to_end(case, "input.xml").splitlines()[-1]
    assert last.startswith("6 steps in ") and "segment 3" in last
    lines = ledger(case.folder, folder.name)
    assert [line.step for line in lines] == [0, 2, 4, 6] and [line.segment for line in lines] == [0, 1, 2, 3]
    for k, rows in enumerate(outputs(case)):
        assert rows[-1, 0] == 6 and np.isfinite(rows).all()
        jumps = [abs(line.jumps[k]) for line in lines]
        assert np.ptp(rows[:, 2]) < 0.2 * max(jumps)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["npt", "pimd_mts", "remd"])
def test_a_restart_from_a_checkpoint_is_exact(name: str, tmp_path: Path) -> None:
    """Barostats, two force fields, several replicas: a run in two parts equals one in one part, bit for bit."""
    (folder,) = (folder for folder in FOLDERS if folder.name == name)
    ends = []
    for steps in (8, 4):
        config = MOE_TOML.replace("radius = 2.6", "radius = 3.366")
        case = shortened(folder, tmp_path / str(steps), steps=steps, stride=2, config=config)
        input = case.folder / "input.xml"
        # Replicas in threads would draw their random numbers in any order.
        input.write_text(input.read_text().replace("<simulation", "<simulation threading='False'"))
        run_to_end(case, "input.xml")
        restart = case.folder / "RESTART"
        if steps < 8:
            restart.write_text(re.sub("<total_steps>.*</", "<total_steps>8</", restart.read_text()))
            run_to_end(case, "RESTART")
        text = restart.read_text()
        assert "<step>8</step>" in text
        state = re.findall(r"<[qp] [^>]*>.*?</[qp]>", text, re.DOTALL)
        lines = [(line.step, line.token, line.jumps) for line in ledger(case.folder, name)]
        ends.append((state, lines, [rows.tolist() for rows in outputs(case)]))
    assert len(ends[0][0]) >= 2 and len(ends[0][1]) == 5
    assert ends[0] == ends[1]


def test_optimisation(tmp_path: Path) -> None:
    """The optimiser converges on the energy of the first assignment."""
    (folder,) = (folder for folder in FOLDERS if folder.name == "geop")
    case = shortened(folder, tmp_path)
    output = run_to_end(case, "input.xml")
    assert "the assignment is fixed: this motion is not molecular dynamics" in output
    assert "i-PI: Geometry optimization converged" in output
    assert len(ledger(tmp_path, "geop")) == 1
    final = read_template(tmp_path / "geop.template.xyz")  # its cell
    final.positions = read_last(tmp_path / "geop.pos_0.xyz", case.atoms)
    final.calc = calculator(case)
    assert abs(final.get_forces()).max() < 0.02  # eV/A; i-PI prints five digits of the positions
    (rows,) = outputs(case)
    np.testing.assert_allclose(final.get_potential_energy(), rows[-1, 1], atol=1e-4)
    assert rows[-1, 1] < rows[0, 1] - 0.1


def test_vibrations(tmp_path: Path) -> None:
    """All eigenvalues that i-PI finds are those of the mixed energy."""
    (folder,) = (folder for folder in FOLDERS if folder.name == "vib")
    case = shortened(folder, tmp_path)
    output = run_to_end(case, "input.xml")
    assert output.splitlines()[-1].startswith("43 steps in ")
    found = np.loadtxt(tmp_path / "vib.phonons.eigval")
    atoms = case.atoms
    atoms.calc = calculator(case)
    expected = np.linalg.eigvalsh(dynamical_matrix(atoms))
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6 * expected.max())


def calculator(case: Case) -> MoECalculator:
    """With the assignment of the structure that the input starts from."""
    calculator = MoECalculator.from_config(case.folder / "moe.toml")
    calculator.set_assignment(case.assignment())
    return calculator


def dynamical_matrix(atoms: Atoms) -> np.ndarray:
    """(3N, 3N) in atomic units, by central differences of i-PI's displacement, without translations."""
    shift = 0.01 * BOHR
    columns = []
    start = atoms.positions.copy()
    for k in range(3 * len(atoms)):
        forces = []
        for sign in (1.0, -1.0):
            atoms.positions = start
            atoms.positions.reshape(-1)[k] += sign * shift
            forces.append(atoms.get_forces().reshape(-1))
        columns.append((forces[1] - forces[0]) / (2.0 * shift))
    hessian = np.array(columns) / HARTREE * BOHR**2
    masses = np.repeat([Elements.mass(symbol) for symbol in atoms.symbols], 3)
    matrix = 0.5 * (hessian + hessian.T) / np.sqrt(np.outer(masses, masses))
    translations = np.sqrt(masses)[:, None] * np.tile(np.eye(3), (len(atoms), 1))
    translations /= np.linalg.norm(translations, axis=0)
    projector = np.eye(len(masses)) - translations @ translations.T
    return projector @ matrix @ projector


def read_last(path: Path, atoms: Atoms) -> np.ndarray:
    """(N, 3) A, of the last frame that i-PI wrote."""
    lines = path.read_text().splitlines()[-len(atoms) :]
    return np.array([line.split()[1:] for line in lines], float)


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: path.name)
def test_the_slab_is_what_its_readme_says(folder: Path) -> None:
    atoms = read_template(folder / "init.xyz")
    count = re.search(r"\((\d+) Pt atoms\)", (folder / "README.md").read_text())
    assert atoms.symbols.count("Pt") == int(count.group(1))
    assert atoms.pbc.all()
    z = atoms.positions[:, 2]
    assert atoms.cell[2, 2] - np.ptp(z) > 12.0
    carbon, oxygen = z[atoms.symbols == "C"][0], z[atoms.symbols == "O"][0]
    height = carbon - z[atoms.symbols == "Pt"].max()
    assert height == pytest.approx(1.893 if folder.name == "vib" else 1.85, abs=1e-3) and oxygen > carbon


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: path.name)
def test_checkpoints_have_all_digits(folder: Path) -> None:
    text = (folder / "input.xml").read_text()
    assert re.search(r"<simulation [^>]*floatformat='%25.17e'", text)
    assert len(re.findall("<checkpoint ", text)) == 1
