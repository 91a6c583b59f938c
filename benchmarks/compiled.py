"""(g) Eager against compiled models."""

from __future__ import annotations

from functools import partial

from benchmarks.harness import Settings, Table, median, ratio, side_by_side
from benchmarks.systems import REPEATS, all_environments, crystal
from moe_ipi import MoEPotential, load_config
from moe_ipi.experts.environments import evaluate_in_chunks


def run(settings: Settings) -> list[Table]:
    """Each expert alone on all atoms of a crystal."""
    config = load_config(settings.config)
    atoms = crystal(config, REPEATS[500])
    pairs = {how: MoEPotential.from_config(config, (), compile=how == "compiled") for how in ("eager", "compiled")}
    experts = {(name, how): getattr(pairs[how], name) for name in ("complex", "bulk") for how in pairs}
    functions = {
        f"{name} {how}": partial(evaluate_in_chunks, expert, all_environments(expert, atoms))
        for (name, how), expert in experts.items()
    }
    seconds = side_by_side(functions, settings.turns)
    table = Table(
        "compiled",
        f"Eager and compiled models ({len(atoms)} atoms)",
        [
            "expert",
            "eager, us per atom",
            "compiled, us per atom",
            "eager : compiled",
            "edges at once, eager",
            "compiled",
        ],
    )
    for name in ("complex", "bulk"):
        eager, compiled = (seconds[f"{name} {how}"] for how in ("eager", "compiled"))
        prices = [1e6 * median(each) / len(atoms) for each in (eager, compiled)]
        chunks = [experts[name, how].chunk for how in ("eager", "compiled")]
        table.rows.append([name, *prices, ratio(eager, compiled), *chunks])
    return [table]
