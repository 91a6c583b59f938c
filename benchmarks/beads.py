"""(d) Path integrals: beads one by one, in batches, contracted, with multiple time steps, and several drivers."""

from __future__ import annotations

import numpy as np
from ase import Atoms
from ase.build import add_adsorbate, fcc111

from benchmarks.harness import Settings, Table
from benchmarks.simulations import IPIRun, moe_driver, moe_toml, socket_field
from moe_ipi import load_config
from moe_ipi.frames import frames_of
from moe_ipi.regions.partitioner import Partitioner
from moe_ipi.threads import available_cores

_BULK = socket_field("bulk", "<parameters>{moe_hamiltonian: bulk}</parameters>")
_CORRECTION = socket_field("correction", "<parameters>{moe_hamiltonian: correction}</parameters>")


def slab() -> Atoms:
    """CO on Pt(111), 98 atoms."""
    atoms = fcc111("Pt", (4, 4, 6), a=3.977, vacuum=8.0, periodic=True)
    add_adsorbate(atoms, Atoms("CO", positions=[[0, 0, 0], [0, 0, 1.15]]), 1.85, "ontop")
    atoms.info.clear()  # what add_adsorbate keeps there is no extended xyz
    atoms.rattle(0.03, seed=0)
    return atoms


def run(settings: Settings) -> list[Table]:
    """Time of a step of ``beads`` beads (CO on Pt(111), 98 atoms) against the complex expert on every atom."""
    config = load_config(settings.config)
    atoms = slab()
    mask = Partitioner(config.regions, atoms.get_chemical_symbols()).assign_frames(frames_of(atoms))
    table = Table(
        "beads",
        f"Path integrals: CO on Pt(111), {len(atoms)} atoms, {int(mask.sum())} of them complex",
        ["beads", "how", "step, ms", "speed over the full expert"],
        note="One driver for each force field unless said otherwise; full expert: the complex expert on every "
        "atom, bead by bead. 'Correction on' so many beads: contracted. With inner steps the time is that "
        "of one inner step, as its length is that of a step without.",
    )
    folder = settings.scratch / "beads"
    folder.mkdir(parents=True)
    toml = moe_toml(folder / "moe.toml", config, mask, settings.threads)
    for beads in (8, 32) if settings.full else (8,):
        seconds: dict[str, list[float]] = {}
        for turn in range(settings.turns if settings.full else 2):
            for name, (options, drivers, inner) in _kinds(beads, toml).items():
                place = folder / f"{beads}-{turn}-{len(seconds)}-{name.replace(' ', '_').replace(',', '')}"
                steps = 3 if name == "full expert" else 8
                times = IPIRun(place, atoms, steps=steps, beads=beads, **options).with_drivers(
                    drivers, settings.threads
                )
                seconds.setdefault(name, []).append(float(np.median(times)) / inner)
        full = np.array(seconds["full expert"])
        for name, times in seconds.items():
            speed = float(np.median(full / np.array(times)))
            table.rows.append([beads, name, 1e3 * float(np.median(times)), speed])
    return [table]


def _kinds(beads: int, toml) -> dict[str, tuple[dict[str, object], list[list], int]]:
    """Options of the run, commands of the drivers, inner steps of a step."""
    everyone = socket_field("moe", "<parameters>{moe_hamiltonian: complex}</parameters>")
    batch = socket_field("moe", f"<batch_size>{beads}</batch_size>")
    both = [moe_driver(toml, "bulk"), moe_driver(toml, "correction")]
    weights = ("<mts_weights> [ 0, 1 ] </mts_weights>", "<mts_weights> [ 1, 0 ] </mts_weights>")
    kinds: dict[str, tuple[dict[str, object], list[list], int]] = {
        "full expert": ({"fields": everyone}, [moe_driver(toml)], 1),
        "both experts, bead by bead": ({}, [moe_driver(toml)], 1),
        "both experts, one batch": ({"fields": batch}, [moe_driver(toml)], 1),
    }
    for drivers in (2, 4):
        if drivers <= available_cores():
            kinds[f"both experts, {drivers} drivers"] = ({}, [moe_driver(toml)] * drivers, 1)
    few = 4
    split = {"fields": _BULK + _CORRECTION}
    forces = f"<force forcefield='bulk'/><force forcefield='correction' nbeads='{few}'/>"
    kinds[f"correction on {few} beads"] = (split | {"forces": forces}, both, 1)
    forces = (
        f"<force forcefield='bulk'>{weights[0]}</force>"
        f"<force forcefield='correction' nbeads='{few}'>{weights[1]}</force>"
    )
    mts = {"forces": forces, "nmts": "<nmts> [ 1, 4 ] </nmts>", "timestep": 2.0}
    kinds[f"correction on {few} beads, 4 inner steps"] = (split | mts, both, 4)
    return kinds
