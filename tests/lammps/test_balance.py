"""Ranks have equally much to do, and nothing is changed by that; here, at constant pressure."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from moe_ipi.experts.finnis_sinclair import FinnisSinclair
from tests.helpers.case import Case
from tests.helpers.configs import ANALYTIC
from tests.helpers.processes import one_error
from tests.helpers.ranks import run_script
from tests.helpers.scripts import HEAT, PAIR, READ, data_file, frames, rows, script
from tests.helpers.structures import co_on_pt

Command = Callable[..., tuple[int, str, str]]

NPT = (
    READ
    + PAIR
    + """fix npt all npt temp 600 600 0.05 tri 0 0 0.5
compute w all pressure NULL virial
variable w equal vol/1602176.5
thermo_style custom step pe econserve lx ly lz xy xz yz v_w c_w[1] c_w[2] c_w[3] c_w[4] c_w[5] c_w[6]
thermo_modify format float %.17g
"""
    + HEAT
)


@pytest.fixture
def corner(tmp_path: Path) -> Case:
    """What is complex is in one corner of a triclinic cell: of equal halves one has more to do."""
    atoms = co_on_pt((6, 4, 3), rattle=0.05)
    inside = np.flatnonzero(atoms.get_scaled_positions().max(axis=1) < 0.6).tolist()
    rule = f'rules = [{{ type = "indices", indices = {inside} }}]'
    return data_file(tmp_path, f"{ANALYTIC}[regions]\nradius = 0.0\n{rule}\n", atoms)


def test_constant_pressure_on_ranks_that_have_equally_much_to_do(corner: Case) -> None:
    done = run_script(2, script(corner, NPT + "run 40\n"), "--balance", "15", "--", "-screen", "none")
    assert done.returncode == 0, done.stderr
    potential = corner.potential()
    printed, found = rows(corner.folder / "log.lammps", 16), frames(corner.folder)
    assert len(printed) == len(found) == 9
    for row, frame in zip(printed, found, strict=True):
        _, pe, _, lx, ly, lz, xy, xz, yz, to_energy, *pressure = row
        cell = np.array([[lx, 0.0, 0.0], [xy, ly, 0.0], [xz, yz, lz]])
        direct = potential.evaluate(frame[None, :, 2:5], cell[None], frame[:, 1] > 3)
        assert pe == pytest.approx(direct.energies[0], abs=1e-9)
        np.testing.assert_allclose(frame[:, 5:8], direct.forces[0], rtol=0, atol=1e-9)
        w = direct.virials[0]
        virial = [w[0, 0], w[1, 1], w[2, 2], w[0, 1], w[0, 2], w[1, 2]]
        np.testing.assert_allclose(np.array(pressure) * to_energy, virial, rtol=1e-9, atol=1e-9)
    assert np.ptp(printed[:, 2]) < 0.01
    assert np.ptp(printed[:, 1]) > 1.0
    assert np.ptp(printed[:, 3:9], axis=0).min() > 1e-4
    for frame in found:
        counts = np.bincount(frame[:, 8].astype(int))
        load = np.bincount(frame[:, 8].astype(int), np.where(frame[:, 1] > 3, 15.0, 1.0))
        assert load.max() < 1.15 * load.mean()
        assert abs(counts[0] - counts[1]) > 10


def test_weights_are_what_atoms_have_cost() -> None:
    """The least of all ranks; without a measurement all atoms count equally."""
    from moe_ipi.lammps.balance import WEIGHT, Weights
    from moe_ipi.lammps.domain import Domain
    from moe_ipi.lammps.engine import Engine
    from moe_ipi.lammps.ranks import Ranks

    ranks, domain = Ranks(), Domain(FinnisSinclair("complex"), FinnisSinclair("bulk"))
    engine = Engine(ranks, domain)
    for line in ("units metal", "region box block 0 9 0 9 0 9", "create_box 4 box", "pair_style moe"):
        engine.command(line)
    engine.command("pair_coeff * * Pt O")
    engine.create_atoms(np.array([1, 2, 3, 4]), np.diag([1.0, 3.0, 5.0])[[0, 1, 2, 2]] + [[0], [0], [0], [1]])
    weights = Weights(ranks, engine)
    assert not weights.measure()
    found = []
    for costs in ({}, {domain.bulk: 2e-3, domain.complex: 3e-2}, {domain.bulk: 2e-3, domain.complex: 1e-3}):
        domain.costs = costs
        weights.measure()
        found.append(engine.lammps.numpy.extract_variable(WEIGHT, "all", 1).tolist())
    engine.close()
    assert found == [[1, 1, 1, 1], [1, 1, 15, 15], [1, 1, 1, 1]]


@pytest.mark.parametrize("value", ["on", "0.5", "nan"])
def test_a_balance_that_cannot_be(case: Case, command: Command, value: str) -> None:
    options = (str(script(case, "")), "-c", str(case.folder / "moe.toml"), "--balance", value)
    assert f"--balance is '{value}': give auto, off" in one_error(command("lammps", "run", *options))
