"""Rules that find nobody, and regions that leave nobody."""

import numpy as np

from moe_ipi.config import RegionsConfig
from moe_ipi.frames import frames_of
from moe_ipi.regions.partitioner import Partitioner
from moe_ipi.regions.warnings import assignment_warning
from tests.helpers.structures import co_on_pt

CO = {"type": "species", "species": ["C", "O"]}
NOBODY = {"type": "species", "species": ["Cu"]}
NOWHERE = {"type": "slab", "axis": "z", "min": 0.0, "max": 0.1}
AGREEMENT = {"type": "agreement", "tolerance": 0.1}


def warning(*rules: dict, radius: float = 2.0, assignment: np.ndarray | None = None) -> str | None:
    atoms = co_on_pt()
    partitioner = Partitioner(RegionsConfig(radius=radius, rules=list(rules)), atoms.get_chemical_symbols())
    return assignment_warning(partitioner, frames_of(atoms), assignment)


def test_nothing_to_say() -> None:
    assert warning() is None  # every atom is bulk, as no rule says otherwise
    assert warning(CO) is None
    assert warning(CO, AGREEMENT) is None
    assert warning(AGREEMENT) is None


def test_a_rule_that_matches_nobody() -> None:
    assert warning(CO, NOBODY) == (
        "no atom is matched by regions.rules.1 (species): correct the rule if that is not meant"
    )
    assert warning(NOBODY, NOWHERE) == (
        "no atom is matched by regions.rules.0 (species), regions.rules.1 (slab), and every atom is bulk: correct the "
        "rule if that is not meant"
    )


def test_everybody_is_complex() -> None:
    assert "every atom is complex, so the bulk expert is never used" in (warning(CO, radius=50.0) or "")
    assert "every atom is complex" in (warning(AGREEMENT, assignment=np.ones(14, bool)) or "")
