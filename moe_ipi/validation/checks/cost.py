"""What each expert costs."""

from __future__ import annotations

import time

import numpy as np
from ase import Atoms

from moe_ipi.properties.crystal import repeated
from moe_ipi.threads import one_thread
from moe_ipi.validation.checks.eos import NO_CRYSTAL
from moe_ipi.validation.result import Check, Quantity, Table
from moe_ipi.validation.subject import Subject

#: Smallest cost ratio complex : bulk for a bulk atom, for compiled experts: a mixture is then several times faster than
#: the complex expert on every atom, and what a better bulk expert costs is spent well.
RATIO = 15.0


def check(subject: Subject) -> Check:
    """Time per atom and per edge of each expert, in turn and in one process."""
    compiled = subject.config.compute.compile
    result = Check(
        "cost",
        "Cost of the experts",
        "A displaced crystal, one thread, the experts timed in turn: medians of the ratios within each turn. What a "
        "region costs follows from the ratio; only times of compiled experts are meant to be compared.",
    )
    if subject.config.validation is None:
        result.skipped = NO_CRYSTAL
        return result
    atoms = repeated(subject.crystal.unit, 10.5 if subject.quick else 21.0)
    atoms.positions += np.random.default_rng(subject.seed).normal(0, 0.05, (len(atoms), 3))
    potential = subject.potential.with_species(atoms.get_chemical_symbols())
    masks = {"complex": np.ones(len(atoms), bool), "bulk": np.zeros(len(atoms), bool)}
    seconds: dict[str, list[float]] = {name: [] for name in masks}
    with one_thread():
        for turn in range(4 if subject.quick else 7):
            for name, mask in masks.items():
                start = time.perf_counter()
                potential.evaluate(atoms.positions[None], atoms.cell.array[None], mask)
                if turn >= 2:  # the first turns warm up
                    seconds[name].append(time.perf_counter() - start)
    ratio = float(np.median(np.array(seconds["complex"]) / np.array(seconds["bulk"])))
    how = "compiled" if compiled else "not compiled"
    result.quantities.append(
        Quantity(
            "complex : bulk, per bulk atom",
            ratio,
            "",
            RATIO if compiled else None,
            minimum=True,
            note=f"experts {how}",
            judged=not subject.quick,
            remedy="Validate on a quiet machine; then train a smaller bulk expert (fewer features, one layer, a "
            "shorter cutoff), or a wider complex expert: it may cost more. The pair is as right as before, only the "
            "mixture gains less.",
        )
    )
    rows = []
    for name, expert in (("complex", potential.complex), ("bulk", potential.bulk)):
        edges = _edges(atoms, expert.cutoff)
        middle = 1e6 * float(np.median(seconds[name]))
        rows.append((name, expert.cutoff, edges, round(middle / len(atoms), 2), round(middle / edges, 3)))
    columns = ("expert", "cutoff, Å", "edges", "μs per atom", "μs per edge")
    result.tables.append(Table(f"{len(atoms)} atoms, one thread, {how}", columns, tuple(rows)))
    return result


def _edges(atoms: Atoms, cutoff: float) -> int:
    from vesin import NeighborList  # imports torch

    lists = NeighborList(cutoff=cutoff, full_list=True)
    (first,) = lists.compute(points=atoms.positions, box=atoms.cell.array, periodic=True, quantities="i")
    return len(first)
