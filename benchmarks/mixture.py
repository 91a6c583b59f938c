"""(a) Both experts against the complex expert on every atom, and against what no mixture can beat."""

from __future__ import annotations

from functools import partial

from benchmarks.harness import Settings, Table, median, ratio, side_by_side
from benchmarks.systems import REPEATS, all_environments, crystal, sphere
from moe_ipi import MoEPotential, load_config
from moe_ipi.experts.environments import evaluate_in_chunks

FRACTIONS = (0.02, 0.05, 0.10, 0.30)


def run(settings: Settings) -> list[Table]:
    """Speed over the full expert, and the efficiency, for sizes and complex fractions f.

    c_c and c_b are the times of the experts alone on the environments of all atoms, at their chunk sizes.
    """
    config = load_config(settings.config)
    sizes = REPEATS if settings.full else {n: REPEATS[n] for n in (500, 2_048)}
    table = Table(
        "mixture",
        "Both experts over the complex expert on every atom",
        ["atoms", "complex, %", "full expert, ms", "both, ms", "speed", "bound", "efficiency"],
        note="Speed: time of the complex expert on every atom over that of both. Bound: c_c / (f c_c + (1 - f) c_b), "
        "with the times c_c and c_b of the experts alone on all atoms. Efficiency: (f c_c + (1 - f) c_b) over the time "
        "of both, so what is lost to lists, selection, packing and scattering.",
    )
    costs = Table(
        "costs",
        "The experts alone",
        ["atoms", "complex, us per atom", "bulk, us per atom", "complex : bulk", "edges at once, complex", "bulk"],
    )
    potential = MoEPotential.from_config(config, (), compile=True)
    for n, repeat in sizes.items():
        atoms = crystal(config, repeat)
        pair = potential.with_species(atoms.get_chemical_symbols())
        evaluate = partial(pair.evaluate, atoms.positions[None], atoms.cell.array[None])
        functions = {
            "complex alone": partial(evaluate_in_chunks, pair.complex, all_environments(pair.complex, atoms)),
            "bulk alone": partial(evaluate_in_chunks, pair.bulk, all_environments(pair.bulk, atoms)),
            "full": partial(evaluate, hamiltonian="complex"),
        }
        functions |= {str(f): partial(evaluate, sphere(atoms, f)) for f in FRACTIONS}
        seconds = side_by_side(functions, settings.turns if n < 10_000 else 2)
        complex, bulk, full = (seconds[name] for name in ("complex alone", "bulk alone", "full"))
        price = [1e6 * median(each) / len(atoms) for each in (complex, bulk)]
        costs.rows.append([n, *price, ratio(complex, bulk), pair.complex.chunk, pair.bulk.chunk])
        for f in FRACTIONS:
            exact = sphere(atoms, f).mean()
            least = exact * complex + (1 - exact) * bulk
            both = seconds[str(f)]
            times = [1e3 * median(full), 1e3 * median(both)]
            table.rows.append([n, 100 * f, *times, ratio(full, both), ratio(complex, least), ratio(least, both)])
    return [costs, table]
