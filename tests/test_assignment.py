"""One door from rules to an assignment: whoever asks gets the same."""

from __future__ import annotations

import numpy as np
import pytest

from moe_ipi.assignment import assignment_by_rules
from moe_ipi.calculator import MoECalculator
from moe_ipi.config import Config
from moe_ipi.driver.evaluator import Evaluator
from moe_ipi.frames import checked_frames, frames_of
from moe_ipi.potential import MoEPotential
from moe_ipi.regions.partitioner import Partitioner
from moe_ipi.units import BOHR
from moe_ipi.validation.subject import Subject
from tests.helpers.structures import co_on_pt, raised
from tests.helpers.subjects import config as analytic

SPECIES = {"type": "species", "species": ["C"]}
AGREEMENT = {"type": "agreement", "tolerance": 0.05}


def config(*rules: dict) -> Config:
    regions = {"radius": 2.5, "rules": list(rules)}
    return Config.model_validate(analytic().model_dump() | {"regions": regions})


@pytest.mark.parametrize("rules", [[SPECIES], [AGREEMENT], [SPECIES, AGREEMENT]], ids=["species", "agreement", "both"])
def test_everybody_gets_the_same(rules: list[dict]) -> None:
    loaded, atoms = config(*rules), co_on_pt((3, 2, 3))
    species = atoms.get_chemical_symbols()
    potential, partitioner = MoEPotential.from_config(loaded, species), Partitioner(loaded.regions, species)
    found = assignment_by_rules(partitioner, potential, frames_of(atoms))
    assert 0 < found.sum() < len(atoms)
    expected = np.zeros(len(atoms), bool)
    if SPECIES in rules:
        expected |= atoms.get_distances(species.index("C"), range(len(atoms)), mic=True) <= 2.5
    if AGREEMENT in rules:
        expected |= potential.disagreement(atoms.positions[None], atoms.cell.array[None])[0] > 0.05
    np.testing.assert_array_equal(found, expected)
    work = atoms.copy()
    work.calc = MoECalculator.from_config(loaded)
    work.get_potential_energy()
    np.testing.assert_array_equal(work.calc.assignment, found)
    evaluator = Evaluator.from_config(loaded, atoms, log=lambda line: None)
    other = raised(atoms, 3.0)  # the template counts, not what comes
    evaluator.evaluate(other.positions[None] / BOHR, other.cell.array.T[None] / BOHR)
    np.testing.assert_array_equal(evaluator.assignment, found)
    np.testing.assert_array_equal(Subject(loaded, atoms, []).assignment(atoms), found)


def test_it_is_the_union_over_frames() -> None:
    loaded = config(SPECIES, AGREEMENT)
    frames = [co_on_pt(seed=seed, rattle=0.2) for seed in range(3)]
    species = frames[0].get_chemical_symbols()
    potential, partitioner = MoEPotential.from_config(loaded, species), Partitioner(loaded.regions, species)
    together = checked_frames([f.positions for f in frames], [f.cell.array for f in frames])
    each = [assignment_by_rules(partitioner, potential, frames_of(f)) for f in frames]
    np.testing.assert_array_equal(assignment_by_rules(partitioner, potential, together), np.any(each, axis=0))
    assert len({tuple(mask) for mask in each}) > 1
