"""Smooth edges of slabs and boxes: formulas, derivatives, periodic images, extremes."""

from __future__ import annotations

from decimal import Decimal, localcontext
from itertools import product

import numpy as np
import pytest
from ase import Atoms
from hypothesis import given, settings
from hypothesis import strategies as st

from moe_ipi.config import RegionsConfig
from moe_ipi.errors import ConfigError, StructureError
from moe_ipi.regions.smooth import SmoothRegions
from moe_ipi.regions.smooth_boxes import log_outside_all
from moe_ipi.regions.switch import EDGE, REACH, SLOPE, SMALLEST
from tests.helpers.partitions import BOX, TRICLINIC, images, random_atoms
from tests.helpers.smooth import check_derivatives, drawn, log_bulk, step

#: Across the boundary of the cell.
SLAB = {"type": "slab", "axis": "z", "min": 5.2, "max": 7.1}
CARBON = {"type": "species", "species": ["C"]}
#: Strains under which the planes along z stay what they are, those of i-PI's barostats among them.
NO_TILT = [(x, y) for x, y in product(range(3), repeat=2) if x != 2 or y == 2]
WIDTH = 1.2


def smooth_regions(atoms: Atoms, *rules: dict[str, object], inner: float = 0.4) -> SmoothRegions:
    config = {"radius_in": inner, "radius_out": inner + WIDTH, "rules": rules}
    return SmoothRegions(RegionsConfig.model_validate(config), atoms.get_chemical_symbols())


def by_definition(atoms: Atoms, rule: dict[str, object], inner: float = 0.4) -> np.ndarray:
    """(N,) product of 1 - F over images.  As many images of a slab lie in its planes as one likes: one is taken."""
    found = images(atoms, reach=6)
    if rule["type"] == "slab":
        axis = "xyz".index(str(rule["axis"]))
        _, once = np.unique(np.round(found[:, 0, axis] - found[0, 0, axis], 6), return_index=True)
        found, axes, low, high = found[once], [axis], [rule["min"]], [rule["max"]]
    else:
        axes, low, high = [0, 1, 2], rule["min"], rule["max"]
    weights = np.ones(found.shape[:2])
    for axis, lower, upper in zip(axes, low, high, strict=True):
        for beyond in (lower - found[..., axis], found[..., axis] - upper):
            weights *= np.vectorize(step)(beyond, inner, inner + WIDTH)
    return (1 - weights).prod(axis=0)


@pytest.mark.parametrize("rule", [SLAB, BOX], ids=["slab", "box"])
@pytest.mark.parametrize("pbc", [True, (True, True, False)])
def test_the_weights_are_products_over_all_images(rule: dict[str, object], pbc: bool | tuple[bool, ...]) -> None:
    atoms = random_atoms(3, 40, pbc)
    expected = by_definition(atoms, rule)
    np.testing.assert_allclose(np.exp(log_bulk(smooth_regions(atoms, rule), atoms)), expected, rtol=1e-10, atol=1e-14)
    assert ((expected > 0.01) & (expected < 0.99)).sum() >= 5 and expected.max() > 0.9999


def test_slabs_boxes_and_seeds_are_independent_of_each_other() -> None:
    atoms = random_atoms(3, 40)
    parts = [log_bulk(smooth_regions(atoms, rule), atoms) for rule in (SLAB, BOX, CARBON)]
    together = smooth_regions(atoms, BOX, CARBON, SLAB)
    np.testing.assert_allclose(log_bulk(together, atoms), sum(parts), rtol=1e-12)
    # Only atoms of the species are seeds: always complex, wherever they are.
    assert (together.seeds == (np.array(atoms.get_chemical_symbols()) == "C")).all()


@pytest.mark.parametrize(
    ("rules", "strains"),
    [
        ([BOX], list(product(range(3), repeat=2))),
        ([SLAB], NO_TILT),
        ([CARBON, BOX, SLAB], NO_TILT),
    ],
    ids=["box", "slab", "all"],
)
@pytest.mark.parametrize("seed", range(3))
def test_forces_and_virial_are_derivatives(
    rules: list[dict[str, object]], strains: list[tuple[int, int]], seed: int
) -> None:
    atoms = random_atoms(seed, 14)
    smooth = smooth_regions(atoms, *rules)
    # Bulk atoms deep inside, too.
    bulk = np.random.default_rng(seed).random(len(atoms)) < 0.3
    check_derivatives(smooth, atoms, drawn(smooth, atoms, seed) & ~bulk | smooth.seeds, strains)


def exact(us: list[float]) -> Decimal:
    """ln(1 - F) with hundreds of digits."""
    edge, slope = Decimal(EDGE), Decimal(SLOPE)
    small = Decimal(EDGE**3 * (10.0 - 15.0 * EDGE + 6.0 * EDGE**2))
    product = Decimal(1)
    for u in map(Decimal, us):
        if u < edge:
            product *= 1 - small * (slope * (u - edge)).exp()
        elif u <= 1 - edge:
            product *= 1 - u**3 * (10 - 15 * u + 6 * u * u)
        else:
            product *= small * (-slope * (u - 1 + edge)).exp()
    return (1 - product).ln()


FACES = st.lists(st.floats(-15.0, REACH), min_size=2, max_size=6)


@settings(max_examples=150, deadline=None)
@given(FACES)
def test_nothing_cancels(us: list[float]) -> None:
    slopes = np.empty(len(us))
    found = log_outside_all(np.array(us), slopes)
    with localcontext() as context:
        context.prec = 250
        assert found == pytest.approx(float(exact(us)), rel=1e-11, abs=1.01 * SMALLEST)
        if found == 0.0:
            assert (slopes == 0.0).all()
            return
        h = Decimal("1e-9")
        for k, slope in enumerate(slopes):
            if min(abs(us[k] - end) for end in (EDGE, 1 - EDGE)) > 1e-8:
                moved = [exact([*us[:k], Decimal(us[k]) + sign * h, *us[k + 1 :]]) for sign in (-1, 1)]
                assert slope == pytest.approx(float((moved[1] - moved[0]) / (2 * h)), rel=1e-7, abs=30 * SMALLEST)
    # A bulk atom is pushed out as by one step, whatever the number of faces; a complex one is held by each.
    assert (slopes >= 0).all() and slopes.sum() <= SLOPE * (1 + 1e-9)
    assert (slopes / np.expm1(-found)).max() <= SLOPE * (1 + 1e-9)


@settings(max_examples=100, deadline=None)
@given(
    st.tuples(*[st.floats(-1e4, 1e4)] * 3),
    st.floats(0.0, 2e3),
    st.sampled_from(["slab", "box"]),
    st.sampled_from([True, False]),
    st.booleans(),
)
def test_nothing_overflows(
    position: tuple[float, float, float], size: float, kind: str, pbc: bool, complex: bool
) -> None:
    """From deep inside, where 1 - s underflows, to the end of the reach; a point and a plane are boxes, too."""
    atoms = Atoms("Pt", positions=[position], cell=[900, 1000, 1100], pbc=pbc)
    rules = {
        "slab": {"type": "slab", "axis": "y", "min": -size / 2, "max": size / 2},
        "box": {"type": "box", "min": [-size / 2] * 3, "max": [size / 2] * 3},
    }
    smooth = smooth_regions(atoms, rules[kind])
    args = atoms.positions, atoms.cell.array, (pbc,) * 3, np.array([complex])
    if complex and log_bulk(smooth, atoms)[0] == 0.0:
        with pytest.raises(StructureError, match=r"atom 0 .* has left the region"):
            smooth.bias(*args)
        return
    bias = smooth.bias(*args)
    assert np.isfinite(bias.energy) and np.isfinite(bias.forces).all() and np.isfinite(bias.virial).all()
    assert bias.energy >= 0 and abs(bias.forces).max() <= 27 * SLOPE / WIDTH


@pytest.mark.parametrize("inner", [0.0, 2.0])
def test_a_slab_as_wide_as_its_period_is_everything(inner: float) -> None:
    atoms = random_atoms(5, 40)
    outside = log_bulk(smooth_regions(atoms, SLAB | {"max": 11.2}, inner=inner), atoms)
    # Without a radius, there is an edge where images of the slab meet.
    assert (outside < (np.log(SMALLEST) if inner else -14)).all()


@pytest.mark.parametrize("rule", [SLAB, BOX], ids=["slab", "box"])
def test_wrapping_and_other_lattice_vectors_change_nothing(rule: dict[str, object]) -> None:
    atoms = random_atoms(7, 30)
    smooth = smooth_regions(atoms, rule)
    assignment = drawn(smooth, atoms, 7)
    one = smooth.bias(atoms.positions, TRICLINIC, (True,) * 3, assignment)
    shifts = np.random.default_rng(7).integers(-300, 300, (len(atoms), 3))
    cell = np.array([[1, 0, 0], [2, 1, 0], [-1, 3, 1]]) @ TRICLINIC
    other = smooth.bias(atoms.positions + shifts @ TRICLINIC, cell, (True,) * 3, assignment)
    assert other.energy == pytest.approx(one.energy, rel=1e-9)
    np.testing.assert_allclose(other.forces, one.forces, atol=1e-8)
    np.testing.assert_allclose(other.virial, one.virial, atol=1e-7)


def test_no_neighbour_list_is_built_where_nothing_is_a_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("moe_ipi.neighbors.full_list")
    atoms = random_atoms(3, 40)
    assert (log_bulk(smooth_regions(atoms, SLAB, BOX), atoms) < 0).any()


def test_a_list_that_is_used_again_gives_the_same_bits() -> None:
    atoms = random_atoms(3, 40)
    old = smooth_regions(atoms, CARBON, SLAB, BOX)
    assignment = drawn(old, atoms, 1)
    old.bias(atoms.positions, atoms.cell.array, (True,) * 3, assignment)
    atoms.rattle(0.02, seed=9)
    one, other = (
        smooth.bias(atoms.positions, atoms.cell.array, (True,) * 3, assignment)
        for smooth in (old, smooth_regions(atoms, CARBON, SLAB, BOX))
    )
    assert one.energy == other.energy and (one.forces == other.forces).all() and (one.virial == other.virial).all()


def test_what_does_not_suit_the_cell_is_refused() -> None:
    atoms = random_atoms(3)
    with pytest.raises(ConfigError, match=r"^regions\.rules\.1: the box and its edge hold 3e\+04 images .* smaller$"):
        log_bulk(smooth_regions(atoms, BOX, BOX | {"min": [-60.0, -70.0, -50.0], "max": [60.0, 70.0, 60.0]}), atoms)
    atoms.set_cell([[4.0, 0, 0], [0, 4.0, 1.0], [0, 0, 2**0.5 * 3]])
    with pytest.raises(ConfigError, match=r"^regions\.rules\.0\.axis: .*perpendicular to a lattice plane"):
        log_bulk(smooth_regions(atoms, SLAB), atoms)
