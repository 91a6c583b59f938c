"""An atom that hops is followed, and hysteresis keeps its surroundings from flickering."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.geometry import get_distances

from moe_ipi.units import BOHR
from tests.helpers.adaptive import check_every_frame, ledger, write_input
from tests.helpers.case import Case
from tests.helpers.configs import ANALYTIC
from tests.helpers.moe_ipi_run import run_to_end
from tests.helpers.structures import slab

#: The adatom is found by its coordination (3 or 4 neighbours, at most 2 below it), not by its number.
RULES = """rules = [{ type = "coordination", species = ["Pt"], cutoff = 3.5, below = 5.5 }]
[driver]
extras = ["assignment"]
"""
ADATOM = 24
STEPS = 1000


def adatom() -> Atoms:
    # On top: it slides down, and the energy it gains takes it over the next bridges.
    return slab((4, 3, 2), adsorbate="Pt", height=2.3, vacuum=8.0, rattle=0.03)


def hop(folder: Path, radii: str) -> Case:
    """3 ps of an adatom in segments of 30 fs."""
    case = Case.create(folder, f"{ANALYTIC}[regions]\n{radii}\n{RULES}", adatom())
    input = write_input(case, steps=STEPS, stride=10, timestep=3.0, temperature=500.0, ensemble="nve")
    run_to_end(case, input)
    return case


def distances_to_adatom(atoms: Atoms, positions: np.ndarray) -> np.ndarray:
    """(24,) A, from the adatom to every other atom."""
    return get_distances(positions[ADATOM:], positions[:ADATOM], cell=atoms.cell, pbc=True)[1][0]


@pytest.mark.slow
def test_a_hopping_atom_is_followed_and_hysteresis_prevents_flicker(tmp_path: Path) -> None:
    flips = {}
    for name, radii in {"with": "radius_in = 3.3\nradius_out = 4.2", "without": "radius = 3.5"}.items():
        case = hop(tmp_path / name, radii)
        positions = case.frames("pos", 1, STEPS + 1)[:, 0] * BOHR
        hollows = {frozenset(np.argsort(distances_to_adatom(case.atoms, frame))[:3]) for frame in positions[200::50]}
        # Named by the three atoms around it.
        assert len(hollows) >= 2
        complex, others = set(), 0
        for line in ledger(case.folder):
            complex = (complex | line.joined) - line.left
            assert ADATOM in complex
            others += len(line.joined ^ line.left) if line.segment else 0
        flips[name] = others
        check_every_frame(case)
        print(f"{name} hysteresis: adatom in {len(hollows)} hollows, {others} changes of other atoms in 100 segments")
    assert flips["without"] > 2 * flips["with"]
