"""(e) What is not an expert, on large systems: the assignment, the weights, the neighbour lists."""

from __future__ import annotations

from functools import partial

import numpy as np

from benchmarks.harness import Settings, Table, median, ratio, side_by_side
from benchmarks.systems import crystal
from moe_ipi import load_config
from moe_ipi.config import RegionsConfig
from moe_ipi.edges import full_list
from moe_ipi.frames import checked_frames
from moe_ipi.neighbors import NeighborLists
from moe_ipi.regions.partitioner import Partitioner
from moe_ipi.regions.smooth import SmoothRegions

#: Cells of 4 atoms along each axis: about 10^4, 10^5 and 10^6 atoms.
REPEATS = ((14, 14, 13), (30, 29, 29), (63, 63, 63))


def run(settings: Settings) -> list[Table]:
    """Against one list of vesin for the experts' cutoff and skin; 1 % of the atoms are seeds."""
    config = load_config(settings.config)
    cutoff, skin = 6.0, config.compute.skin
    table = Table(
        "lists",
        "Large systems, in units of building one neighbour list",
        ["atoms", "vesin, s", "list", "assignment", "weights", "bias", "is the list still good?"],
        note=f"Unit: a full list of vesin, cutoff {cutoff + skin} A. List: the same, of wrapped atoms and sorted,"
        " as the experts need it. 1 % of the atoms are seeds, at random. Assignment: radius 5 A. Weights "
        "and bias: of drawn assignments, radii 4.5 and 5.5 A. Paid in every step: the bias and the last "
        "column.",
    )
    for repeat in REPEATS if settings.full else REPEATS[:2]:
        atoms = crystal(config, repeat)
        n = len(atoms)
        symbols = np.array(atoms.get_chemical_symbols(), dtype=object)
        symbols[np.random.default_rng(0).permutation(n)[: n // 100]] = "C"
        frames = checked_frames(atoms.positions[None], atoms.cell.array[None], natoms=n)
        rules = [{"type": "species", "species": ["C"]}]
        partitioner = Partitioner(RegionsConfig(radius=5.0, rules=rules), tuple(symbols))
        species = tuple(symbols)
        regions = RegionsConfig(radius_in=4.5, radius_out=5.5, rules=rules)
        smooth = SmoothRegions(regions, species)
        pbc, frame = (True, True, True), (atoms.positions, atoms.cell.array)
        # A half of those that may be either.
        outside = np.exp(smooth.log_bulk(*frame, pbc))
        drawn = outside < 0.5
        lists = NeighborLists(cutoff, skin)
        lists.batch(frames)
        functions = {
            "vesin": partial(_vesin, atoms, cutoff + skin),
            "list": partial(full_list, *frame, pbc, cutoff + skin),
            "assign": partial(partitioner.assign_frames, frames),
            # Made anew: its list is not yet there.
            "weights": partial(_weights, regions, species, *frame, pbc),
            "bias": partial(smooth.bias, *frame, pbc, drawn),
            "check": partial(lists.edges, atoms.positions + 1e-3, atoms.cell.array, pbc),
        }
        seconds = side_by_side(functions, settings.turns if n < 500_000 else 2)
        unit = seconds["vesin"]
        table.rows.append([n, median(unit), *(ratio(seconds[name], unit) for name in functions if name != "vesin")])
    return [table]


def _weights(regions, species, positions, cell, pbc) -> None:
    SmoothRegions(regions, species).log_bulk(positions, cell, pbc)


def _vesin(atoms, cutoff: float) -> None:
    from vesin import NeighborList

    search = NeighborList(cutoff=cutoff, full_list=True, sorted=False)
    search.compute(atoms.positions, atoms.cell.array, True, "ijS")
