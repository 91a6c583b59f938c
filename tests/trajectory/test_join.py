"""What is joined is what was computed: real i-PI with beads and a barostat, continued from a checkpoint."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.io import read

from moe_ipi.ledger import OTHER_ASSIGNMENT, read_ledger
from moe_ipi.structure import read_template
from moe_ipi.units import BOHR
from tests.conftest import once
from tests.helpers import inputs
from tests.helpers.case import Case, cell_of
from tests.helpers.configs import GIBBS
from tests.helpers.moe_ipi_run import run_to_end
from tests.helpers.processes import one_error

BEADS, STEPS = 2, 40
TRAJECTORIES = """<trajectory filename='pos' stride='1' format='xyz'>positions{angstrom}</trajectory>
<trajectory filename='centroid' stride='4' format='xyz' cell_units='angstrom'>x_centroid</trajectory>
<trajectory filename='ase' stride='5' format='ase'>x_centroid</trajectory>
<trajectory filename='vel' stride='1' format='xyz'>velocities</trajectory>
</output>"""


def make(folder: Path) -> None:
    """30 steps, and from the checkpoint of step 20 on to 40: rows are cut from all files and come again."""
    case = Case.create(folder, GIBBS)
    langevin = inputs.thermostat("langevin", 50)
    barostat = f"<barostat mode='isotropic'><tau units='femtosecond'>50</tau>{langevin}</barostat>"
    motion = inputs.dynamics("npt", 1.0, barostat, inputs.thermostat("pile_g", 50))
    text = inputs.simulation(
        inputs.system(motion, beads=BEADS, temperature=900, ensemble="<pressure units='megapascal'>1</pressure>"),
        fields=case.ffsocket(),
        steps=30,
        properties="step, bead_potentials{electronvolt}, cell_h{angstrom}",
        trajectories={"exact": "positions"},
        extras="moe_n_complex,moe_assignment",
        checkpoint=5,
    )
    run_to_end(case, case.write(text.replace("</output>", TRAJECTORIES)))
    checkpoint = folder / "out.chk_4"
    checkpoint.write_text(re.sub(r"<total_steps>\s*\d+", f"<total_steps>{STEPS}", checkpoint.read_text()))
    run_to_end(case, checkpoint)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return once(tmp_path_factory, "trajectory", make)


@pytest.fixture
def folder(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the run's files, and where one is."""
    monkeypatch.chdir(shutil.copytree(made, tmp_path / "run"))
    return tmp_path / "run"


@pytest.fixture
def join(folder: Path, command):
    """``moe-ipi trajectory out -o joined.extxyz``: what it says, and the frames."""

    def call(*options: str, prefix: str = "out") -> tuple[str, list[Atoms]]:
        status, out, stderr = command("trajectory", prefix, "-o", "joined.extxyz", *options)
        assert status == 0, stderr
        return out, read("joined.extxyz", index=":")

    return call


def edit(name: str, old: str, new: str) -> None:
    text, number = re.subn(old, new, Path(name).read_text(), count=1)
    assert number == 1
    Path(name).write_text(text)


def test_every_bead_has_the_assignment_that_its_energy_is_of(folder: Path, join) -> None:
    case = Case(folder, read_template(folder / "init.xyz"), "")
    out, joined = join("--beads")
    assert f"{STEPS + 1} steps of {BEADS} beads, 0 to {STEPS}: " in out
    assert f"assignments from 'out.moe_ledger'; {STEPS + 1} of them confirmed by the drivers' extras" in out
    assert [(a.info["step"], a.info["bead"]) for a in joined] == [
        (s, b) for s in range(STEPS + 1) for b in range(BEADS)
    ]
    # Files in binary are not cut, as they do not say their steps: 21 to 30 are there twice.
    exact = np.delete(case.frames("exact", BEADS, 51), slice(21, 31), axis=0) * BOHR
    printed = np.loadtxt("out.props")
    potential = case.potential()
    sensitive = 0
    for atoms in joined:
        step, bead = atoms.info["step"], atoms.info["bead"]
        row, expert = printed[step], atoms.arrays["expert"].astype(bool)
        cell = cell_of(row[1 + BEADS :])
        assert atoms.get_chemical_symbols() == case.species and atoms.pbc.all()
        np.testing.assert_allclose(atoms.positions, exact[step, bead], atol=1e-4)  # i-PI's xyz has six digits
        np.testing.assert_allclose(atoms.cell.array, cell, atol=1e-5)
        assert expert.sum() == atoms.info["n_complex"]

        def energy(assignment: np.ndarray, here=(exact[step, bead][None], cell[None])) -> float:
            return float(potential.evaluate(*here, assignment).energies[0])

        assert energy(expert) == pytest.approx(row[1 + bead], rel=1e-10)
        before = joined[BEADS * max(0, step - 1)].arrays["expert"].astype(bool)
        sensitive += abs(energy(before) - row[1 + bead]) > 1e-6
    # At boundaries at which atoms came or went, the assignment before would be wrong.
    changed = [line.step for line in read_ledger("out.moe_ledger")[1:] if line.joined or line.left]
    assert sensitive == BEADS * len(changed) and min(changed) <= 20 < max(changed)
    assert np.ptp([a.cell.array[2, 2] for a in joined]) > 1e-3
    segments = {line.step: line.segment for line in read_ledger("out.moe_ledger")}
    assert [a.info["segment"] for a in joined[::BEADS]] == [segments[step // 5 * 5] for step in range(STEPS + 1)]


def test_centroids_are_those_of_ipi_or_the_mean_of_the_beads(join) -> None:
    _, mean = join("--track", "pos")
    assert len(mean) == STEPS + 1 and "bead" not in mean[0].info
    for name, stride in (("centroid", 4), ("ase", 5)):
        _, joined = join("--track", name)
        assert [atoms.info["step"] for atoms in joined] == list(range(0, STEPS + 1, stride))
        for atoms, other in zip(joined, mean[::stride], strict=True):
            np.testing.assert_allclose(atoms.positions, other.positions, atol=1e-4)
            np.testing.assert_allclose(atoms.cell.array, other.cell.array, atol=1e-4)
            assert (atoms.arrays["expert"] == other.arrays["expert"]).all()


def test_ledger_or_extras_are_enough(folder: Path, join) -> None:
    _, both = join("--track", "pos")
    for path in folder.glob("out.moe_?"):
        path.rename(path.name + ".away")
    out, by_ledger = join("--track", "pos")
    assert "confirmed" not in out
    (folder / "out.moe_ledger").unlink()
    for path in folder.glob("*.away"):
        path.rename(path.name.removesuffix(".away"))
    out, by_extras = join("--track", "pos")
    assert "assignments from 'out.moe_0'\n" in out and "segment" not in by_extras[0].info
    for first, *others in zip(both, by_ledger, by_extras, strict=True):
        for atoms in others:
            assert (atoms.arrays["expert"] == first.arrays["expert"]).all()


def test_a_system_of_several_has_the_ledger_of_the_run(folder: Path, join, command) -> None:
    for path in folder.glob("out.*"):
        if "ledger" not in path.name:
            path.rename(f"r0_{path.name}")
    assert "give r0_out as the prefix" in one_error(command("trajectory", "out", "-o", "joined.extxyz"))
    out, joined = join("--track", "pos", prefix="r0_out")
    assert "from 'out.moe_ledger'; 41 of them confirmed" in out and len(joined) == STEPS + 1


def test_what_was_cut_short_is_left_out(folder: Path, join) -> None:
    for name, cut in (("out.pos_1.xyz", 1), ("out.moe_0", 3)):
        text = Path(name).read_text()
        Path(name).write_text(text[:-cut])
    out, joined = join("--track", "pos")
    assert "the last frame of 'out.pos_1.xyz' was cut short, and is left out\n" in out
    assert "the files of 'pos' do not end at the same step" in out
    assert joined[-1].info["step"] == STEPS - 1


def test_an_assignment_that_was_accepted_is_known_from_extras_only(folder: Path, join) -> None:
    with Path("out.moe_ledger").open("a") as file:
        file.write(f"# step 12: {OTHER_ASSIGNMENT} 01234567 instead of the ledger's 76543210, on purpose\n")
    out, joined = join("--track", "pos")
    assert len(joined) == STEPS + 1 and "; 13 of them confirmed" in out
    assert "segment" in joined[12].info and "segment" not in joined[13].info
    for path in folder.glob("out.moe_?"):
        path.unlink()
    out, joined = join("--track", "pos")
    assert "28 steps (13 to 40) are left out" in out and joined[-1].info["step"] == 12


def test_ledger_and_extras_that_differ_are_refused(folder: Path, command) -> None:
    text = Path("out.moe_0").read_text().splitlines(keepends=True)
    text[15] = text[15].replace("1.00000000000000000e+00", "0.00000000000000000e+00")  # step 7
    Path("out.moe_0").write_text("".join(text))
    error = one_error(command("trajectory", "out", "-o", "joined.extxyz", "--track", "pos"))
    assert "step 7 was computed with" in error and not Path("joined.extxyz").exists()
    assert not list(Path().glob(".joined*"))


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        ("", [], "several trajectories of positions: choose one of ase, centroid with --track"),
        ("", ["--track", "none"], "no trajectory of positions 'none'"),
        ("", ["--track", "ase", "--beads"], "only of the centroid: leave out --beads"),
        ("", ["--track", "ase", "-o", "out.ase.extxyz"], "is a file of the run itself"),
        ("", ["--track", "ase", "-o", "out.pos_1.xyz"], "is a file of the run itself"),
        ("", ["--track", "ase", "-o", "none/joined.extxyz"], "cannot write 'none/joined.extxyz': No such file"),
        ("out.pos_0.xyz", ["--track", "pos"], "the centroid needs all beads, and 'pos' has only 1"),
        ("out.moe*", ["--track", "pos"], "there is no out.moe_ledger (moe-ipi run writes it)"),
        ("out.*", [], "there is no trajectory of positions or x_centroid 'out.*.xyz'"),
    ],
)
def test_what_cannot_be_joined(folder: Path, command, change: str, options: list[str], message: str) -> None:
    for path in folder.glob(change) if change else ():
        path.unlink()
    assert message in one_error(
        command("trajectory", "out", *(["-o", "j.extxyz"] if "-o" not in options else []), *options)
    )


@pytest.mark.parametrize(
    ("name", "old", "new", "message"),
    [
        ("out.moe_ledger", r"in=[\d,]+", "in=0", "the line of step 0 in 'out.moe_ledger' does not follow"),
        ("out.moe_ledger", r"in=[\d,]+", "in=99", "the line of step 0 in 'out.moe_ledger' does not follow"),
        (
            "out.pos_0.xyz",
            "Step:          30",
            "Step:          21",
            "has step 21 after step 29: plain i-pi has continued",
        ),
        ("out.pos_0.xyz", "Step:          30", "Step:          32", "one has step 30 where another has step 32"),
        ("out.pos_0.xyz", "10\n# CELL", "ten\n# CELL", "has 'ten' where a number of atoms should be"),
        ("out.pos_0.xyz", "       C ", "      Xx ", "step 0 of 'out.pos_0.xyz': the label 'Xx' of atom 8"),
        ("out.moe_0", "moe_n_complex,", "other,", "cannot find the assignment of 10 atoms in 'out.moe_0'"),
    ],
)
def test_damaged_files(folder: Path, command, name: str, old: str, new: str, message: str) -> None:
    edit(name, old, new)
    assert message in one_error(command("trajectory", "out", "-o", "joined.extxyz", "--track", "pos"))
