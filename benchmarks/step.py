"""(c) Where the time of a step goes."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from unittest import mock

import numpy as np

from benchmarks.harness import Settings, Table
from benchmarks.simulations import IPIRun
from benchmarks.systems import REPEATS, crystal, sphere
from moe_ipi import MoEPotential, load_config, potential
from moe_ipi.config import IndicesRule, RegionsConfig
from moe_ipi.driver.evaluator import Evaluator
from moe_ipi.neighbors import NeighborLists
from moe_ipi.regions.partitioner import Partitioner

#: Label of a part, and where it is called.
PARTS = {
    "neighbours": (NeighborLists, "batch"),
    "select": (potential, "select_edges"),
    "pack": (potential, "packed"),
    "experts": (potential, "evaluate_in_chunks"),
    "scatter": (potential, "add_forces"),
}


@contextmanager
def stopwatch() -> Iterator[dict[str, float]]:
    """Seconds spent in each part so far."""
    spent: dict[str, float] = defaultdict(float)

    def timed(name: str, function: Callable[..., object]) -> Callable[..., object]:
        def call(*arguments: object, **options: object) -> object:
            start = time.perf_counter()
            try:
                return function(*arguments, **options)
            finally:
                spent[name] += time.perf_counter() - start

        return call

    with ExitStack() as stack:
        for name, (owner, attribute) in PARTS.items():
            stack.enter_context(mock.patch.object(owner, attribute, timed(name, getattr(owner, attribute))))
        yield spent


def run(settings: Settings) -> list[Table]:
    """Real i-PI (NVE at 300 K) with one driver, whose parts are timed; 5 % of the atoms are complex."""
    config = load_config(settings.config)
    table = Table(
        "step",
        "Where the time of a step goes (i-PI, one driver, 5 % complex)",
        ["atoms", "step, ms", *(f"{name}, %" for name in PARTS), "rest of the driver, %", "socket and i-PI, %"],
        note="Shares of the time between two steps of i-PI. 'Rest of the driver' is units, extras and sums.",
    )
    loaded = MoEPotential.from_config(config, (), compile=True)
    for n in (500, 2_048, 8_192) if settings.full else (500, 2_048):
        atoms = crystal(config, REPEATS[n])
        symbols = atoms.get_chemical_symbols()
        rule = IndicesRule(type="indices", indices=np.flatnonzero(sphere(atoms, 0.05)).tolist())
        regions = RegionsConfig(radius=0.0, rules=[rule])
        evaluator = Evaluator(
            loaded.with_species(symbols),
            Partitioner(regions, symbols),
            atoms,
            log=lambda line: None,
        )
        evaluator.warm_up()
        calls: list[float] = []
        inner = evaluator.evaluate

        def evaluate(*arguments: object, inner=inner, calls=calls, **options: object) -> object:
            start = time.perf_counter()
            try:
                return inner(*arguments, **options)
            finally:
                calls.append(time.perf_counter() - start)

        with stopwatch() as spent, mock.patch.object(evaluator, "evaluate", evaluate):
            simulation = IPIRun(settings.scratch / f"step-{n}", atoms, steps=30 if settings.full else 15)
            steps = simulation.with_evaluator(evaluator)
        step, driver = float(np.mean(steps)), float(np.mean(calls))
        parts = [spent[name] / len(calls) for name in PARTS]
        shares = [*parts, driver - sum(parts), step - driver]
        table.rows.append([n, 1e3 * step, *(100 * share / step for share in shares)])
    return [table]
