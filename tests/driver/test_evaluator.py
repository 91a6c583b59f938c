"""Where the assignment and the periodicity come from, and what the extras hold."""

import json

import numpy as np
import pytest
from ase import Atoms

from moe_ipi.driver.evaluator import Evaluator
from moe_ipi.errors import StructureError
from moe_ipi.inband.request import RequestError
from moe_ipi.inband.token import Token, TokenError, encode
from moe_ipi.potential import MoEPotential
from moe_ipi.units import BOHR, HARTREE
from tests.helpers.case import Case
from tests.helpers.structures import raised


def atomic_units(*frames: Atoms) -> tuple[np.ndarray, np.ndarray]:
    return np.stack([f.positions for f in frames]) / BOHR, np.stack([f.cell.array.T for f in frames]) / BOHR


def test_assignment_is_the_template_s_whatever_comes_first(case: Case) -> None:
    lines: list[str] = []
    early, late = case.evaluator(lines.append), case.evaluator(lines.append)
    early.evaluate(*atomic_units(case.atoms))
    late.evaluate(*atomic_units(raised(case.atoms, 3.0)))
    np.testing.assert_array_equal(early.assignment, late.assignment)
    np.testing.assert_array_equal(early.assignment, case.assignment())
    number = case.assignment().sum()
    assert lines == [f"assignment: {number} complex, {10 - number} bulk atoms, from the template, frozen"] * 2


def test_assignment_from_the_first_batch_is_the_union_and_stays(case: Case) -> None:
    evaluator = Evaluator.from_config(case.config, case.template, assignment_from="first", log=lambda line: None)
    assert evaluator.assignment is None
    evaluator.warm_up()
    assert evaluator.assignment is None
    far = raised(case.atoms, 3.0)
    evaluator.evaluate(*atomic_units(far, case.atoms))
    np.testing.assert_array_equal(evaluator.assignment, case.assignment())
    evaluator.evaluate(*atomic_units(far))
    np.testing.assert_array_equal(evaluator.assignment, case.assignment())
    alone = Evaluator.from_config(case.config, case.template, assignment_from="first", log=lambda line: None)
    alone.evaluate(*atomic_units(far))
    assert alone.assignment.sum() == 2


def test_template_decides_what_is_periodic(case: Case) -> None:
    isolated = case.atoms.copy()
    isolated.pbc = False
    evaluator = Evaluator.from_config(case.config, isolated, log=lambda line: None)
    result = evaluator.evaluate(*atomic_units(isolated))[0]
    potential = MoEPotential.from_config(case.config, isolated.get_chemical_symbols())
    arguments = (isolated.positions[None], isolated.cell.array[None], evaluator.assignment)
    energy = potential.evaluate(*arguments, (False,) * 3).energies[0]
    assert result.potential * HARTREE == pytest.approx(energy, rel=1e-12)
    assert abs(energy - potential.evaluate(*arguments).energies[0]) > 1.0


def test_template_without_a_cell_is_periodic_if_the_server_sends_a_cell(case: Case) -> None:
    bare = Atoms(case.atoms.get_chemical_symbols(), np.zeros((10, 3)))
    evaluator = Evaluator.from_config(case.config, bare, log=lambda line: None)
    result = evaluator.evaluate(*atomic_units(case.atoms))[0]
    assert result.potential == case.evaluator().evaluate(*atomic_units(case.atoms))[0].potential


@pytest.mark.parametrize("extras", [[], ["assignment"], ["atom_energies"]])
def test_extras_are_what_the_config_lists(case: Case, extras: list[str]) -> None:
    driver = case.config.driver.model_copy(update={"extras": extras})
    config = case.config.model_copy(update={"driver": driver})
    evaluator = Evaluator.from_config(config, case.template, log=lambda line: None)
    first, second = evaluator.evaluate(*atomic_units(case.atoms, raised(case.atoms, 0.1)))
    data = json.loads(first.extras)
    assert data.keys() == json.loads(second.extras).keys() == {"moe_n_complex"} | {f"moe_{name}" for name in extras}
    assert data["moe_n_complex"] == case.assignment().sum()
    assert data.get("moe_assignment", list(case.assignment())) == list(case.assignment())
    if "atom_energies" in extras:
        assert sum(data["moe_atom_energies"]) == pytest.approx(first.potential * HARTREE, rel=1e-12)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_numbers_that_are_not_finite(case: Case, value: float) -> None:
    positions, cells = atomic_units(case.atoms)
    cells[0, 0, 0] = value
    with pytest.raises(StructureError, match="what the server sent cannot be evaluated: a cell is not finite"):
        case.evaluator().evaluate(positions, cells)


def token(mask: np.ndarray, segment: int = 0) -> dict[str, str]:
    return {"moe_token": encode(Token(segment, mask))}


def test_every_structure_is_evaluated_under_its_own_token(case: Case) -> None:
    lines: list[str] = []
    evaluator = case.evaluator(lines.append)
    potential = case.potential()
    frames = case.atoms.positions[None], case.atoms.cell.array[None]
    one, other = np.arange(10) < 3, np.arange(10) > 6
    for segment, mask in enumerate([one, other, one, one]):
        result = evaluator.evaluate(*atomic_units(case.atoms), token(mask, segment))[0]
        assert result.potential * HARTREE == pytest.approx(potential.evaluate(*frames, mask).energies[0], rel=1e-13)
        assert json.loads(result.extras)["moe_n_complex"] == mask.sum()
        np.testing.assert_array_equal(evaluator.assignment, mask)
    assert lines == [
        f"assignment: 3 complex, 7 bulk atoms, from the server, segment {segment}" for segment in (0, 1, 2)
    ]


def test_bulk_and_correction_add_up(case: Case) -> None:
    evaluator = case.evaluator()
    mask = case.assignment()
    moe, bulk, correction = (
        evaluator.evaluate(*atomic_units(case.atoms), {**token(mask), "moe_hamiltonian": kind})[0]
        for kind in ("moe", "bulk", "correction")
    )
    assert moe.potential == pytest.approx(bulk.potential + correction.potential, rel=1e-13)
    np.testing.assert_allclose(moe.forces, bulk.forces + correction.forces, atol=1e-14)
    np.testing.assert_allclose(moe.virial, bulk.virial + correction.virial, atol=1e-14)
    assert abs(correction.forces).max() > 1e-3


def test_probe_returns_the_disagreement_of_the_experts(case: Case) -> None:
    evaluator = case.evaluator()
    probe = {**token(case.assignment()), "moe_probe": "agreement"}
    result = evaluator.evaluate(*atomic_units(case.atoms, raised(case.atoms, 1.0)), probe)
    potential = case.potential()
    for atoms, given in zip((case.atoms, raised(case.atoms, 1.0)), result, strict=True):
        frames = atoms.positions[None], atoms.cell.array[None]
        ones = potential.evaluate(*frames, np.ones(10, bool)), potential.evaluate(*frames, np.zeros(10, bool))
        expected = abs(ones[0].atom_energies - ones[1].atom_energies)[0]
        np.testing.assert_allclose(json.loads(given.extras)["moe_disagreement"], expected, rtol=1e-9, atol=1e-12)
        assert given.potential * HARTREE == pytest.approx(ones[0].energies[0], rel=1e-13)
    assert expected.max() > 0.01


def test_probe_returns_the_difference_of_the_atoms_that_are_asked_for(case: Case) -> None:
    lines: list[str] = []
    evaluator = case.evaluator(lines.append)
    evaluator.evaluate(*atomic_units(case.atoms), token(case.assignment()))
    asked = np.arange(10) % 3 == 1
    probe = {**token(asked, 7), "moe_probe": "difference"}
    result = evaluator.evaluate(*atomic_units(case.atoms, raised(case.atoms, 1.0)), probe)
    potential = case.potential()
    for atoms, given in zip((case.atoms, raised(case.atoms, 1.0)), result, strict=True):
        frames = atoms.positions[None], atoms.cell.array[None]
        ones = potential.evaluate(*frames, np.ones(10, bool)), potential.evaluate(*frames, np.zeros(10, bool))
        expected = (ones[0].atom_energies - ones[1].atom_energies)[0, asked]
        np.testing.assert_allclose(json.loads(given.extras)["moe_difference"], expected, rtol=1e-9, atol=1e-12)
        assert given.potential * HARTREE == pytest.approx(expected.sum(), rel=1e-9)
    # The dynamics goes on under its own token.
    np.testing.assert_array_equal(evaluator.assignment, case.assignment())
    assert len(lines) == 1
    with pytest.raises(RequestError, match="needs a token"):
        case.evaluator().evaluate(*atomic_units(case.atoms), {"moe_probe": "difference"})


def test_nothing_is_computed_under_a_wrong_token(case: Case) -> None:
    evaluator = case.evaluator()
    text = token(case.assignment())["moe_token"]
    with pytest.raises(TokenError, match="is damaged"):
        evaluator.evaluate(*atomic_units(case.atoms), {"moe_token": text[:-1] + ("0" if text[-1] != "0" else "1")})
    with pytest.raises(TokenError, match="for 11 atoms, but there are 10"):
        evaluator.evaluate(*atomic_units(case.atoms), token(np.zeros(11, bool)))
    evaluator.evaluate(*atomic_units(case.atoms), token(case.assignment()))
    with pytest.raises(RequestError, match="came without an assignment"):
        evaluator.evaluate(*atomic_units(case.atoms))
