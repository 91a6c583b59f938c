"""A driver refuses the structures of a run that computes with something else."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from moe_ipi.errors import StructureError
from moe_ipi.inband.identity import IdentityError, identity_of
from moe_ipi.units import BOHR
from tests.helpers.case import Case
from tests.helpers.configs import MOE_TOML


def structure(case: Case) -> tuple[np.ndarray, np.ndarray]:
    return case.atoms.positions[None] / BOHR, case.atoms.cell.array.T[None] / BOHR


def test_its_own_run_is_served(tmp_path: Path) -> None:
    case = Case.create(tmp_path)
    identity = identity_of(case.config, case.species).encode()
    evaluator = case.evaluator()
    plain = case.evaluator().evaluate(*structure(case))
    for _ in range(2):
        (result,) = evaluator.evaluate(*structure(case), {"moe_identity": identity})
        assert result.potential == plain[0].potential


def test_other_regions_are_no_reason(tmp_path: Path) -> None:
    """The assignment comes with the structures."""
    case = Case.create(tmp_path / "one")
    other = Case.create(tmp_path / "two", MOE_TOML.replace("radius = 2.6", "radius = 3.1"))
    case.evaluator().evaluate(*structure(case), {"moe_identity": identity_of(other.config, other.species).encode()})


@pytest.mark.parametrize(
    ("changed", "what"),
    [
        (MOE_TOML.replace('parameters = "bulk"', 'parameters = "complex"'), "another bulk expert"),
        (MOE_TOML.replace('parameters = "complex"', 'parameters = "bulk"'), "another complex expert"),
    ],
)
def test_another_runs_structures_are_refused_by_name(tmp_path: Path, changed: str, what: str) -> None:
    case, other = Case.create(tmp_path / "one"), Case.create(tmp_path / "two", changed)
    identity = identity_of(other.config, other.species).encode()
    with pytest.raises(IdentityError, match=f"^this driver has {what} than the run"):
        case.evaluator().evaluate(*structure(case), {"moe_identity": identity})


def test_other_atoms_are_refused(tmp_path: Path) -> None:
    case = Case.create(tmp_path)
    identity = identity_of(case.config, case.species[::-1]).encode()
    with pytest.raises(IdentityError, match="other atoms"):
        case.evaluator().evaluate(*structure(case), {"moe_identity": identity})


def test_atoms_that_have_changed_places_are_served(tmp_path: Path) -> None:
    """The identity has the elements in their order, so another order of positions is an exchange of atoms."""
    case = Case.create(tmp_path)
    positions, cell = structure(case)
    first, last = 0, len(case.atoms) - 1
    assert case.species[first] != case.species[last]
    positions[0, [first, last]] = positions[0, [last, first]]
    identity = identity_of(case.config, case.species).encode()
    with pytest.raises(StructureError, match="another order"):
        case.evaluator().evaluate(positions, cell)
    (result,) = case.evaluator().evaluate(positions, cell, {"moe_identity": identity})
    assert np.isfinite(result.potential)
