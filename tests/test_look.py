"""``moe-ipi regions``: what a run would begin with, told and written before it."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.io import read

from tests.helpers.case import Case
from tests.helpers.configs import GIBBS, GIBBS_SLAB, MOE_TOML
from tests.helpers.processes import one_error

TWO_RADII = MOE_TOML.replace("radius = 2.6", "radius_in = 2.6\nradius_out = 3.0")

Told = Callable[..., tuple[str, Atoms]]


@pytest.fixture
def told(tmp_path: Path, command) -> Told:
    """What the command says of a config, and writes."""

    def call(config: str, *options: str) -> tuple[str, Atoms]:
        case = Case.create(tmp_path / "case", config)
        written = tmp_path / "out.extxyz"
        structure = str(case.template)
        status, out, _ = command(
            "regions", structure, "-c", str(case.folder / "moe.toml"), "-o", str(written), *options
        )
        assert status == 0
        atoms = read(written)
        np.testing.assert_allclose(atoms.positions, case.atoms.positions, atol=1e-6)
        assert atoms.get_chemical_symbols() == case.species
        return out, atoms

    return call


def test_by_rules(told: Told, tmp_path: Path) -> None:
    rules = TWO_RADII.replace("rules = [", 'rules = [{ type = "indices", indices = [0] }, ')
    out, atoms = told(rules, "--png", str(tmp_path / "out.png"), "--html", str(tmp_path / "out.html"))
    expert = atoms.arrays["expert"]
    assert expert.tolist() == Case(tmp_path / "case", atoms, "").assignment().astype(int).tolist()
    assert atoms.arrays["seed"].sum() == 3
    count = int(expert.sum())
    assert "10 atoms: COPt8\nregions.rules.0 (indices): 1 seeds\nregions.rules.1 (species): 2 seeds\n" in out
    assert f"complex: {count} of 10 atoms ({10 * count}.0 %) after growth by 2.6 A\n" in out
    more = re.search(r"up to (\d+) more, out to 3 A, stay complex", out)
    assert more and 0 < int(more[1]) <= 10 - count
    assert f"expected speed: 1 / ({count / 10:.3f} + {1 - count / 10:.3f} r) times that of" in out
    assert (tmp_path / "out.png").read_bytes().startswith(b"\x89PNG")
    assert f"complex expert, {count} atoms" in (tmp_path / "out.html").read_text()


def test_drawn(told: Told) -> None:
    out, atoms = told(GIBBS)
    weights = atoms.arrays["weight"]
    assert (atoms.arrays["expert"] == (weights >= 0.5)).all() and weights[-2:].tolist() == [1.0, 1.0]
    edge = int(((weights > 0.001) & (weights <= 0.999)).sum())
    assert edge > 0
    assert f"complex: about {weights.sum():.0f} of 10 atoms" in out
    assert f"{(weights > 0.999).sum()} always, and some of {edge} at the edge (2.6 to 4 A)" in out
    assert "where the assignment is drawn" in out
    # The same regions by rules, because they shall be, or because the first assignment is kept.
    for way in ('reassignment = "rules"', "segment_steps = 0"):
        out, atoms = told(GIBBS.replace('reassignment = "gibbs"', way))
        assert "after growth by 2.6 A" in out and "weight" not in atoms.arrays


def test_agreement_asks_the_experts(told: Told) -> None:
    rule = "{ type = 'agreement', tolerance = 0.0475 }"
    out, atoms = told(MOE_TOML.replace("rules = [", f"rules = [{rule}, "))
    differ = atoms.arrays["disagreement"] > 0.0475
    assert f"regions.rules.0 (agreement): {differ.sum()} atoms, which do not grow\n" in out
    assert 0 < differ.sum() < 10 and atoms.arrays["expert"][differ].all()


def test_time_measures_the_ratio(told: Told) -> None:
    out, atoms = told(MOE_TOML, "--time")
    ratio = re.search(r"r = ([\d.]+)\n", out)
    f = atoms.arrays["expert"].mean()
    found = re.search(r"r\) = ([\d.]+) times .*; measured with 3 complex atoms: [\d.]+ times\n", out)
    assert ratio and found
    assert float(found[1]) == pytest.approx(1 / (f + (1 - f) * float(ratio[1])), abs=0.01)


@pytest.mark.parametrize(
    ("config", "warning"),
    [
        (MOE_TOML, None),
        (MOE_TOML.replace("2.6", "26.0"), "every atom is complex, so the bulk expert is never used"),
        (
            MOE_TOML.replace('"C", "O"', '"Cu"'),
            "no atom is matched by regions.rules.0 (species), and every atom is bulk",
        ),
        (
            MOE_TOML.replace('rules = [{ type = "species", species = ["C", "O"] }]', ""),
            "the complex expert is never used",
        ),
        (
            GIBBS.replace("4.0", "40.0").replace("2.6", "26.0"),
            "every atom is complex, so the bulk expert is never used",
        ),
        # Atoms near a slab may be complex although none is in it.
        (GIBBS_SLAB.replace("10.0", "3.0").replace("12.0", "4.5"), None),
        (GIBBS_SLAB.replace("10.0", "0.0").replace("12.0", "0.1"), "the complex expert is never used"),
    ],
)
def test_nobody_and_everybody(told: Told, config: str, warning: str | None) -> None:
    out, _ = told(config)
    assert ("warning: " in out) == (warning is not None) and (warning or "") in out


def test_a_cell_that_is_turned_is_said_where_it_matters(case: Case, command) -> None:
    case.atoms.rotate(30, "z", rotate_cell=True)
    case.atoms.write(case.folder / "turned.extxyz")
    config = case.folder / "moe.toml"
    arguments = ("regions", str(case.folder / "turned.extxyz"), "-c", str(config))
    assert "i-PI turns this cell" not in command(*arguments)[1]
    config.write_text(GIBBS_SLAB)
    assert "i-PI turns this cell" in command(*arguments)[1]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--png", "out.pdf"], "a name that ends in .png, not 'out.pdf'"),
        (["-o", "none/out.extxyz"], "cannot write 'none/out.extxyz': No such file"),
        (["--png", "none/out.png"], "cannot write 'none/out.png': No such file"),
        (["--html", "none/out.html"], "cannot write 'none/out.html': No such file"),
    ],
)
def test_what_cannot_be_written(case: Case, command, monkeypatch, options: list[str], message: str) -> None:
    monkeypatch.chdir(case.folder)
    assert message in one_error(command("regions", "init.xyz", "-c", "moe.toml", *options))
