"""Which frames are kept for labelling, and that the file survives kills and restarts."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import ase.io
import numpy as np
import pytest
from ase import Atoms

from moe_ipi.config import Config, HarvestConfig, load_config
from moe_ipi.errors import ConfigError
from moe_ipi.plugin.asked import Asked
from moe_ipi.plugin.harvest import Harvest, HarvestError, check_harvest
from tests.helpers.configs import CHANGING, GIBBS

FILE = "out.moe_harvest.extxyz"
CELL = np.diag([10.0, 10.0, 10.0])
#: Atom 2 is a neighbour of atom 1, and atom 0 is none.
POSITIONS = np.array([[6.0, 6.0, 5.0], [1.0, 1.0, 9.0], [1.0, 1.0, 1.0]])
MASK = np.array([True, False, False])


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def harvest(step: int = 0, *, continued: bool = False, notes: list[str] | None = None, **keys: Any) -> Harvest:
    """Of a simulation that is only what a harvest looks at."""
    system = SimpleNamespace(beads=SimpleNamespace(names=["Pt", "C", "D"]))
    simulation = SimpleNamespace(step=step, syslist=[system] * 2, outtemplate=SimpleNamespace(prefix="out"))
    config = HarvestConfig(**{"energy_threshold": 0.1, "force_threshold": 1.0, **keys})
    return Harvest(config, simulation, (notes if notes is not None else []).append, continued=continued)


def asked(*values: float, moved: Any = 0.0, cell: np.ndarray = CELL, **more: Any) -> Asked:
    fields = {"source": "agreement", "system": 0, "bead": 0, "nbeads": 4} | more
    return Asked(positions=POSITIONS + moved, cell=cell, disagreement=np.array(values), **fields)


def kept() -> list[Atoms]:
    return ase.io.read(FILE, ":") if Path(FILE).exists() else []


def steps() -> list[int]:
    return [int(atoms.info["step"]) for atoms in kept()]


def move(atom: int, by: float) -> np.ndarray:
    moved = np.zeros((3, 3))
    moved[atom, 2] = by
    return moved


def test_what_a_frame_says() -> None:
    harvest().offer([asked(0.05, 0.3, np.nan, bead=2)], 20, 3, MASK)
    (atoms,) = kept()
    assert atoms.get_chemical_symbols() == ["Pt", "C", "H"] and atoms.pbc.all()
    np.testing.assert_allclose(atoms.positions, POSITIONS, atol=1e-8)
    np.testing.assert_allclose(atoms.cell.array, CELL)
    np.testing.assert_array_equal(atoms.arrays["expert"], [1, 0, 0])
    np.testing.assert_array_equal(atoms.arrays["disagreement"], [0.05, 0.3, np.nan])
    expected = {"step": 20, "segment": 3, "system": 0, "bead": 2, "nbeads": 4, "source": "agreement", "largest": 0.3}
    assert atoms.info == expected


def test_nothing_below_the_threshold_and_each_source_has_its_own() -> None:
    keeper = harvest()
    assert not Path(FILE).exists()
    keeper.offer([asked(0.1, 0.1, 0.0), asked(0.9, 0.0, 0.0, source="monitor")], 10, 1, MASK)
    assert kept() == []
    keeper.offer([asked(1.1, 0.0, 0.0, source="monitor", nbeads=1)], 20, 2, MASK)
    (atoms,) = kept()
    assert "disagreement" not in atoms.arrays
    np.testing.assert_array_equal(atoms.arrays["force_disagreement"], [1.1, 0.0, 0.0])
    harvest(energy_threshold=None).offer([asked(9.0, 0.0, 0.0)], 10, 1, MASK)
    assert kept() == []


def test_of_one_step_the_worst_bead_of_each_system() -> None:
    beads = [asked(d, 0.0, 0.0, moved=move(0, k), bead=k, system=s) for s in (0, 1) for k, d in enumerate((0.2, 0.4))]
    beads[2] = asked(0.3, 0.0, 0.0, moved=2.5, system=1)
    beads[3] = asked(0.2, 0.0, 0.0, moved=3.5, system=1, bead=1)
    harvest().offer(beads, 0, 0, MASK)
    assert [(a.info["system"], a.info["bead"]) for a in kept()] == [(0, 1), (1, 0)]
    harvest(min_steps=0).offer(beads, 0, 0, MASK)
    assert [(a.info["system"], a.info["bead"]) for a in kept()] == [(0, 1), (1, 0), (0, 0), (1, 1)]


def test_frames_too_near_in_time() -> None:
    keeper = harvest(min_steps=30)
    for step in range(0, 100, 10):
        keeper.offer([asked(0.2, 0.0, 0.0, moved=move(0, step / 20))], step, 0, MASK)
    assert steps() == [0, 30, 60, 90]


@pytest.mark.parametrize(
    ("moved", "new"),
    [
        (move(1, 0.29), False),
        (move(1, 0.31), True),
        (move(2, 0.31), True),  # a neighbour, through the boundary
        (move(0, 3.0), False),  # far from where the experts disagree
        (10.0 * np.array([1, -2, 3]), False),  # other images
        (move(1, 10.29), False),
    ],
)
def test_frames_too_much_like_one_that_was_kept(moved: Any, new: bool) -> None:
    keeper = harvest()
    keeper.offer([asked(0.0, 0.2, 0.0)], 0, 0, MASK)
    keeper.offer([asked(0.0, 0.2, 0.0, moved=moved)], 10, 1, MASK)
    assert steps() == ([0, 10] if new else [0])
    # As after a restart.
    keeper = harvest(10, continued=True)
    keeper.offer([asked(0.0, 0.2, 0.0, moved=moved)], 20, 1, MASK)
    assert steps() == ([0, 10] if new else [0])


def test_a_cell_that_breathes_alone_is_nothing_new() -> None:
    keeper = harvest()
    keeper.offer([asked(0.2, 0.2, 0.2)], 0, 0, MASK)
    stretched = Asked("agreement", 0, 0, 1, 1.3 * POSITIONS, 1.3 * CELL, np.full(3, 0.2))
    keeper.offer([stretched], 10, 0, MASK)
    assert steps() == [0]


def test_the_limit() -> None:
    notes: list[str] = []
    keeper = harvest(limit=3, min_steps=0, notes=notes)
    for step in range(0, 60, 10):
        frames = [asked(0.2 + 0.1 * k, 0.0, 0.0, moved=move(0, step / 20 + 5 * k), bead=k) for k in range(2)]
        keeper.offer(frames, step, 0, MASK)
    assert [(a.info["step"], a.info["bead"]) for a in kept()] == [(0, 1), (0, 0), (10, 1)]
    assert len(notes) == 2 and "step 0: the experts disagree" in notes[0] and "step 10" in notes[1]
    assert "has 3 frames (harvest.limit)" in notes[1]


def test_what_is_beyond_a_checkpoint_is_cut_and_kept_beside() -> None:
    keeper = harvest()
    for step in range(0, 50, 10):
        keeper.offer([asked(0.2, 0.0, 0.0, moved=move(0, step / 20))], step, 0, MASK)
    whole = Path(FILE).read_bytes()
    notes: list[str] = []
    keeper = harvest(20, continued=True, notes=notes)
    assert steps() == [0, 10, 20]
    assert Path(FILE).read_bytes() + Path(f"#{FILE}#0#").read_bytes() == whole
    assert len(notes) == 1 and "cut what was beyond step 20" in notes[0]
    for step in (30, 40):
        keeper.offer([asked(0.2, 0.0, 0.0, moved=move(0, step / 20))], step, 0, MASK)
    assert Path(FILE).read_bytes() == whole


def test_a_new_run_keeps_the_file_of_an_old_one() -> None:
    harvest().offer([asked(0.2, 0.0, 0.0)], 0, 0, MASK)
    old = Path(FILE).read_bytes()
    keeper = harvest()
    assert not Path(FILE).exists() and Path(f"#{FILE}#0#").read_bytes() == old
    keeper.offer([asked(0.2, 0.0, 0.0)], 30, 0, MASK)
    assert steps() == [30]


def test_a_file_that_cannot_be_used() -> None:
    Path(FILE).write_text("3\nLattice=nonsense\nstep=1\n")
    with pytest.raises(HarvestError, match=r"cannot read 'out.moe_harvest.extxyz': .*move it away"):
        harvest(20, continued=True)
    Path(FILE).unlink()
    Path(FILE).mkdir()
    with pytest.raises(HarvestError, match="cannot write"):
        harvest().offer([asked(0.2, 0.0, 0.0)], 0, 0, MASK)


@pytest.mark.parametrize("moment", ["fsync", "replace"])
def test_killed_while_it_writes(moment: str, monkeypatch: pytest.MonkeyPatch) -> None:
    keeper = harvest()
    keeper.offer([asked(0.2, 0.0, 0.0)], 0, 0, MASK)
    whole = Path(FILE).read_bytes()
    child = os.fork()
    if child == 0:
        try:
            monkeypatch.setattr(os, moment, lambda *arguments: os.kill(os.getpid(), signal.SIGKILL))
            keeper.offer([asked(0.2, 0.0, 0.0, moved=1.0)], 10, 0, MASK)
        finally:
            os._exit(0)
    assert os.waitpid(child, 0)[1] == signal.SIGKILL
    assert Path(FILE).read_bytes() == whole
    harvest(0, continued=True).offer([asked(0.2, 0.0, 0.0, moved=1.0)], 10, 0, MASK)
    assert steps() == [0, 10]


def config(text: str) -> Config:
    Path("moe.toml").write_text(text)
    return load_config("moe.toml")


def test_a_threshold_for_what_nobody_asks_is_refused() -> None:
    both = "[harvest]\nenergy_threshold = 0.1\nforce_threshold = 0.1\n"
    with pytest.raises(ConfigError, match="energy_threshold is given, but nothing asks the experts"):
        check_harvest(config(CHANGING + both), asks=False)
    with pytest.raises(ConfigError, match=r"force_threshold is given, but segments\.monitor is 0"):
        check_harvest(config(GIBBS + both), asks=True)
    check_harvest(config(GIBBS + "monitor = 3\n" + both), asks=True)
    check_harvest(config(CHANGING), asks=False)
    with pytest.raises(ConfigError, match=r"harvest: give energy_threshold \(eV\), force_threshold"):
        config(CHANGING + "[harvest]\nlimit = 3\n")
