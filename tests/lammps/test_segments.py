"""Scripts of LAMMPS: every energy is that of the positions under the assignment, which follows the rules."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from moe_ipi.ledger import Line, read_ledger
from moe_ipi.potential import MoEPotential
from moe_ipi.regions.partitioner import Partitioner
from moe_ipi.structure import read_template
from tests.helpers.case import Case
from tests.helpers.configs import ANALYTIC, CHANGING
from tests.helpers.processes import assert_one_error, one_error
from tests.helpers.ranks import run_script
from tests.helpers.scripts import EVERY, HEAD, HEAT, READ, STYLE, data_file, frames, rows, script
from tests.helpers.structures import co_on_pt

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def slab(tmp_path: Path) -> Case:
    """CO on a slab at 900 K, whose Pt atoms come and go, as a data file."""
    return data_file(tmp_path, CHANGING + EVERY, co_on_pt((3, 3, 3), rattle=0.05))


def test_every_energy_and_a_restart(slab: Case, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """On two ranks and on one, in two parts; and as a whole."""
    monkeypatch.chdir(slab.folder)
    first = run_script(2, script(slab, READ + STYLE + HEAT + "run 22\nwrite_restart at22\n"), "--", "-log", "first.log")
    assert first.returncode == 0, first.stderr
    half = read_ledger(slab.folder / "in.moe_ledger")
    script(slab, HEAD + "read_restart at22\n" + STYLE + "run 23\n")
    options = ("--", "-screen", "none")
    status, _, err = command("lammps", "run", "in.lmp", "-c", "moe.toml", *options, "-log", "second.log")
    assert status == 0, err
    continued = frames(slab.folder)
    parts = read_ledger(slab.folder / "in.moe_ledger")
    assert parts[: len(half)] == half
    script(slab, READ + STYLE + HEAT + "run 45\n", "whole.lmp")
    status, _, err = command("lammps", "run", "whole.lmp", "-c", "moe.toml", *options)
    assert status == 0, err
    assert "the assignment changed" in err
    np.testing.assert_allclose(continued[-1][:, :5], frames(slab.folder)[-1][:, :5], rtol=0, atol=1e-9)
    lines = read_ledger(slab.folder / "whole.moe_ledger")
    assert [line.step for line in lines] == list(range(0, 46, 5))
    for one, other in zip(lines, parts, strict=True):
        assert (one.step, one.segment, one.token) == (other.step, other.segment, other.token)
        assert one.jumps == pytest.approx(other.jumps, abs=1e-8)
    check_energies(slab, rows(slab.folder / "log.lammps"), lines)
    conserved = np.concatenate([rows(slab.folder / f"{part}.log") for part in ("first", "second")])
    # Of the lines of a step the last one has the jump booked; after the last step of all there is none.
    last = {step: value for step, _, value, _ in conserved}
    assert np.ptp(list(last.values())[:-1]) < 0.005
    assert max(abs(line.jumps[0]) for line in lines) > 0.05
    script(slab, HEAD + "read_restart at22\nset atom 1 type 4\nset atom 2 type 1\n" + STYLE + "run 5\n")
    error = one_error(command("lammps", "run", "in.lmp", "-c", "moe.toml", *options))
    assert "is not that of in.moe_ledger at step 22: read the restart" in error


def check_energies(case: Case, printed: np.ndarray, lines: list[Line]) -> None:
    """Energies, forces, jumps and assignments against what the potential and the rules say of the positions."""
    potential = MoEPotential.from_config(case.config, case.species)
    partitioner = Partitioner(case.config.regions, case.species)
    cell = read_template(case.folder / "data.lmp").cell.array
    energies = dict(reversed([(int(step), energy) for step, energy, *_ in printed]))
    now = frames(case.folder)
    assert len(now) == len(lines)
    for line, frame, after in zip(lines, now, [*now[1:], None], strict=True):
        positions, mask = frame[None, :, 2:5], frame[:, 1] > 3
        direct = potential.evaluate(positions, cell[None], mask)
        assert energies[line.step] == pytest.approx(direct.energies[0], abs=1e-9)
        np.testing.assert_allclose(frame[:, 5:8], direct.forces[0], rtol=0, atol=1e-9)
        if after is not None and line.step > 0:
            new = after[:, 1] > 3
            np.testing.assert_array_equal(new, partitioner.assign(positions, cell, previous=mask))
            assert new.sum() == line.n_complex
            jump = potential.evaluate(positions, cell[None], new).energies[0] - direct.energies[0]
            assert line.jumps[0] == pytest.approx(jump, abs=1e-9)


def test_rules_that_ask_the_experts(slab: Case, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the data file, and in the course of a run, which goes on as if nothing had been asked."""
    monkeypatch.chdir(slab.folder)
    (slab.folder / "moe.toml").write_text(
        ANALYTIC + '[regions]\nradius = 0.0\nrules = [{ type = "agreement", tolerance = 0.038 }]\n' + EVERY
    )
    assert command("lammps", "data", "init.xyz", "-c", "moe.toml")[0] == 0
    script(slab, READ + STYLE + HEAT + "run 20\n")
    assert command("lammps", "run", "in.lmp", "-c", "moe.toml", "--", "-screen", "none")[0] == 0
    potential = MoEPotential.from_config(slab.config, slab.species)
    cell = read_template(slab.folder / "data.lmp").cell.array
    lines = read_ledger(slab.folder / "in.moe_ledger")
    changed = 0
    for line, frame in zip(lines, frames(slab.folder), strict=True):
        wanted = potential.disagreement(frame[None, :, 2:5], cell[None])[0] > 0.038
        assert line.n_complex == wanted.sum()
        assert 0 < line.n_complex < len(frame)
        changed += bool(line.step and (line.joined or line.left))
        if line.step == 0:
            np.testing.assert_array_equal(frame[:, 1] > 3, wanted)
    assert changed >= 2
    conserved = {step: value for step, _, value, _ in rows(slab.folder / "log.lammps")}
    assert np.ptp(list(conserved.values())[:-1]) < 0.005


def test_loops_and_parts_of_runs(slab: Case, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """A segment ends at the multiples of its length, wherever a run of the script does."""
    monkeypatch.chdir(slab.folder)
    script(slab, READ + STYLE + HEAT, "head.lmp")
    loop = "label a\nvariable i loop 2\nrun 4\nnext i\njump in.lmp a\n"
    script(slab, "include head.lmp\n" + loop + 'if "1 > 0" then "run 16 upto post no"\nrun 0\n')
    assert command("lammps", "run", "in.lmp", "-c", "moe.toml", "--", "-screen", "none")[0] == 0
    parts = read_ledger(slab.folder / "in.moe_ledger")
    assert [line.step for line in parts] == [0, 5, 10, 15]
    script(slab, READ + STYLE + HEAT + "run 16\n", "whole.lmp")
    assert command("lammps", "run", "whole.lmp", "-c", "moe.toml", "--", "-screen", "none")[0] == 0
    whole = read_ledger(slab.folder / "whole.moe_ledger")
    assert [line.token for line in parts] == [line.token for line in whole]


def test_a_run_that_lammps_ends_early(slab: Case, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """By fix halt, or when its time is over: within a segment, and what follows ends at once."""
    monkeypatch.chdir(slab.folder)
    halt = "variable step equal step\nfix halt all halt 1 v_step >= 7 error soft message no\n"
    script(slab, READ + STYLE + HEAT + halt + "run 20\nrun 20\nprint '$(step)' file end\n")
    assert command("lammps", "run", "in.lmp", "-c", "moe.toml", "--", "-screen", "none")[0] == 0
    assert [line.step for line in read_ledger(slab.folder / "in.moe_ledger")] == [0, 5]
    assert (slab.folder / "end").read_text() == "7\n"


def test_a_fixed_assignment_is_that_of_the_types(slab: Case, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(slab.folder)
    (slab.folder / "moe.toml").write_text(CHANGING)
    script(slab, READ + STYLE + HEAT + "run 20\n")
    status, _, err = command("lammps", "run", "in.lmp", "-c", "moe.toml", "--", "-screen", "none")
    assert status == 0
    assert f"assignment: {slab.assignment().sum()} of 29 atoms complex, in the types of the atoms, fixed" in err
    assert not (slab.folder / "in.moe_ledger").exists()
    assert np.ptp(rows(slab.folder / "log.lammps")[:, 2]) < 0.01


REMOVE = "group one id 3\ndelete_atoms group one compress"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("Pt C O", "Pt C"), "pair_coeff names 2 elements"),
        (("Pt C O", "C Pt O"), "type 1 is C in pair_coeff, but its mass 195.084 is that of Pt"),
        (("Pt C O", "Pt C Xe"), "the experts know only Pt C O"),
        (("units metal", "units metal\nnewton off"), "needs newton on"),
        (("units metal", "units real"), "needs units metal"),
        (("run", "mass 4 190.0\nrun"), "types 1 and 4 are both Pt"),
        (("run 5", "run 5 every 1 NULL"), "cannot be divided into segments"),
        (("run", "runn"), "Unknown command: runn"),
        (("pair_style moe\npair_coeff * * Pt C O", "pair_style zero 5\npair_coeff * *"), "has no pair_style moe"),
        (("run", f"{REMOVE} no\nrun"), "the ids of the atoms are not 1 to N: add reset_atoms id"),
        (("run 5", f"run 5\n{REMOVE} yes\nrun 5"), "the number of atoms has changed: set segments.segment_steps = 0"),
        (("timestep 0.0005", "timestep 50.0"), ""),
    ],
)
def test_a_script_that_cannot_run(
    slab: Case, command: Command, monkeypatch: pytest.MonkeyPatch, change: tuple[str, str], message: str
) -> None:
    monkeypatch.chdir(slab.folder)
    script(slab, (READ + STYLE + HEAT + "run 5\n").replace(*change))
    assert message in one_error(command("lammps", "run", "in.lmp", "-c", "moe.toml", "--", "-screen", "none"))


@pytest.mark.parametrize(
    ("change", "environment", "message"),
    [
        (("Pt C O", "Pt C Xe"), {}, "the experts know only Pt C O"),
        pytest.param(("", ""), {"CXX": "no-compiler"}, "needs a C++ compiler", marks=pytest.mark.slow),
        pytest.param(("metal", "metal\nnewton off"), {}, "needs newton on", marks=pytest.mark.slow),
    ],
)
def test_all_ranks_end_with_one_line(
    slab: Case, change: tuple[str, str], environment: dict[str, str], message: str
) -> None:
    path = script(slab, (READ + STYLE).replace(*change, 1) + "run 5\n")
    done = run_script(2, path, "--", "-screen", "none", **environment)
    assert done.returncode == 1
    assert_one_error(done.stderr, message)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (CHANGING + EVERY + 'reassignment = "gibbs"\n', "needs i-PI"),
        (CHANGING.replace("below = 8", "below = 8, average = true") + EVERY, "average = true needs i-PI"),
    ],
)
def test_a_config_that_needs_ipi(slab: Case, command: Command, config: str, message: str) -> None:
    path = slab.folder / "other.toml"
    path.write_text(config)
    assert message in one_error(command("lammps", "run", str(script(slab, "")), "-c", str(path)))
