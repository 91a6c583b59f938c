"""``moe-ipi demo``: path-integral dynamics of CO on Pt(111), and what the two experts save and cost."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.build import add_adsorbate, fcc111
from ase.io import read
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from moe_ipi.config import ModelExpert, load_config
from moe_ipi.errors import MoEError
from moe_ipi.frames import frames_of
from moe_ipi.ledger import read_ledger
from moe_ipi.models import pretrained
from moe_ipi.picture import draw_assignment
from moe_ipi.potential import MoEPotential
from moe_ipi.properties.drift import Drift, conserved_drift
from moe_ipi.regions.partitioner import Partitioner
from moe_ipi.structure import write_ipi_xyz
from moe_ipi.threads import available_cores, set_threads, threads_per_driver
from moe_ipi.view import view_or_reason

N_BEADS = 8
TIMESTEP_FS = 0.5
#: Lattice parameter of the shipped pair's teacher, A.
_A0 = 3.977
#: Seconds of molecular dynamics when the number of steps is left to the demo.
_MD_SECONDS = 110.0
_STEPS = (40, 2000)
_DRIVERS = 2

#: The shipped pair; atoms come to the complex expert and leave it in one ensemble, which its own rules do not allow.
_CONFIG = """# The shipped pair, {model}.
{experts}
[regions]
# Atoms between these distances (A) from C and O have either expert, as is drawn at every checkpoint.
radius_in = 4.5
radius_out = 5.5

[[regions.rules]]
type = "species"
species = ["C", "O"]

[segments]
reassignment = "gibbs"
"""
_EXPERT = """
[experts.{name}]
path = '{path}'
key = "{key}"
sha256 = "{sha256}"
"""

_INPUT = """<simulation verbosity='low' safe_stride='20' floatformat='%25.17e'>
  <output prefix='demo'>
    <properties stride='1' filename='out'>
      [ step, time{{picosecond}}, conserved{{electronvolt}}, temperature{{kelvin}}, kinetic_cv{{electronvolt}},
        potential{{electronvolt}} ]
    </properties>
    <trajectory stride='{stride}' filename='pos' format='xyz'> positions{{angstrom}} </trajectory>
    <trajectory stride='{stride}' filename='centroid' format='xyz'> x_centroid{{angstrom}} </trajectory>
    <checkpoint stride='{stride}' filename='chk' overwrite='true'/>
  </output>
  <total_steps>{steps}</total_steps>
  <prng><seed>2604</seed></prng>
  <ffsocket name='moe' mode='unix' pbc='false'>
    <address>{address}</address>
    <latency>1e-4</latency>
  </ffsocket>
  <system>
    <initialize nbeads='{beads}'>
      <file mode='xyz'> init.xyz </file>
      <velocities mode='thermal' units='kelvin'> 300 </velocities>
    </initialize>
    <forces> <force forcefield='moe'/> </forces>
    <ensemble> <temperature units='kelvin'> 300 </temperature> </ensemble>
    <motion mode='dynamics'>
      <dynamics mode='nvt'>
        <timestep units='femtosecond'> {timestep} </timestep>
        <thermostat mode='pile_g'>
          <tau units='femtosecond'> 100 </tau>
          <pile_lambda> 0.5 </pile_lambda>
        </thermostat>
      </dynamics>
    </motion>
  </system>
</simulation>
"""


@dataclass(frozen=True)
class Comparison:
    """MoE against the full complex expert, both evaluated here on the same B frames.

    Attributes:
        speedup: median ratio of wall times, full over MoE, pair by pair.
        seconds: shortest wall time of MoE for the B frames.
        rmse: root-mean-square difference of force components, eV/A.
        largest: largest difference of a force component, eV/A.
        rms_force: root mean square of the full expert's force components, eV/A.
    """

    speedup: float
    seconds: float
    rmse: float
    largest: float
    rms_force: float


def run_demo(directory: Path, steps: int | None = None) -> None:
    """Run the demonstration in a new folder and print its table.

    Args:
        directory: created; must not hold the files of an earlier demo.
        steps: number of time steps; default: what fits into about two minutes on this machine.

    Raises:
        MoEError: the folder is in use, or the run failed.
    """
    console = Console()
    if (directory / "input.xml").exists():
        raise MoEError(f"'{directory}' holds an earlier demo; remove it or name another: moe-ipi demo DIRECTORY")
    if steps is not None and steps < 2:
        raise MoEError("a demo needs two steps at least to show a drift; use --steps 100 or so")
    try:
        directory.mkdir(parents=True, exist_ok=True)
        atoms = co_on_pt111()
        write_ipi_xyz(directory / "init.xyz", atoms.symbols, atoms.positions, atoms.cell.array.T, "angstrom")
        (directory / "moe.toml").write_text(_config(), encoding="utf-8")
    except OSError as error:
        raise MoEError(f"cannot write to '{directory}': {error.strerror}; name another folder") from error
    config = load_config(directory / "moe.toml")
    n = len(atoms)
    # In the middle of the edge: about what is drawn.
    middle = config.regions.model_copy(update={"radius_in": (config.regions.inner + config.regions.outer) / 2})
    assignment = Partitioner(middle, atoms.get_chemical_symbols()).assign_frames(frames_of(atoms))
    draw_assignment(atoms, assignment, directory / "experts.png", title="CO on Pt(111): which atom has which expert")
    page, reason = view_or_reason(atoms, assignment, title="CO on Pt(111): which atom has which expert")
    if page is not None:
        (directory / "experts.html").write_text(page, encoding="utf-8")
    console.print(
        f"CO on Pt(111), {n} atoms, {N_BEADS} beads at 300 K: "
        f"about {assignment.sum()} atoms have the complex expert, the others the bulk expert."
    )
    with console.status("loading the two experts and timing them"):
        potential = MoEPotential.from_config(config, atoms.get_chemical_symbols())
        set_threads(threads_per_driver(_DRIVERS))  # timed with what one driver has
        steps = steps or _steps_that_fit(potential, atoms, assignment)
    address = f"moe-demo-{os.getpid()}"
    stride = max(1, steps // 20)
    text = _INPUT.format(steps=steps, stride=stride, address=address, beads=N_BEADS, timestep=TIMESTEP_FS)
    (directory / "input.xml").write_text(text, encoding="utf-8")
    seconds = _run(directory, console)
    with console.status("comparing with the complex expert on every atom"):
        assignment = _last_assignment(directory, n)
        compared = compare_with_full(potential, _last_beads(directory, atoms), assignment)
    columns = _output(directory / "demo.out")
    drift = conserved_drift(columns["time"], columns["conserved"], n)
    console.print(_table(atoms, assignment, steps, seconds, columns["temperature"], drift, compared))
    console.print(
        f"Files in [bold]{directory}[/]: experts.png (the slab coloured by expert), "
        f"{'experts.html (the same to turn around), ' if page is not None else ''}demo.pos_*.xyz (beads), "
        "demo.centroid.xyz, demo.out, demo.moe_ledger, input.xml, moe.toml, init.xyz, RESTART.",
        highlight=False,
    )
    if reason:
        console.print(f"no experts.html: {escape(reason)}", highlight=False)


def co_on_pt111() -> Atoms:
    """CO upright on an atop site of a four-layer Pt(111) slab of 96 atoms, periodic in three dimensions."""
    slab: Atoms = fcc111("Pt", (4, 6, 4), a=_A0, vacuum=8.0, orthogonal=True)
    add_adsorbate(slab, Atoms("CO", positions=[[0, 0, 0], [0, 0, 1.15]]), 1.85, "ontop", offset=(2, 2))
    slab.pbc = True
    return slab


def _steps_that_fit(potential: MoEPotential, atoms: Atoms, assignment: np.ndarray) -> int:
    frames = [atoms] * N_BEADS
    seconds = compare_with_full(potential, frames, assignment, repeats=2).seconds
    per_step = seconds / min(_DRIVERS, available_cores()) + 0.02
    return int(np.clip(_MD_SECONDS / per_step, *_STEPS)) // 10 * 10


def _run(directory: Path, console: Console) -> float:
    from moe_ipi.run.launch import run_simulation

    start = time.monotonic()
    status = run_simulation(directory / "input.xml", directory / "moe.toml", n_drivers=_DRIVERS, console=console)
    if status != 0:
        raise KeyboardInterrupt
    return time.monotonic() - start


def _config() -> str:
    shipped = load_config(pretrained("pt-co")).experts
    tables = ""
    for name, expert in (("complex", shipped.complex), ("bulk", shipped.bulk)):
        assert isinstance(expert, ModelExpert)
        tables += _EXPERT.format(name=name, path=expert.path, key=expert.key, sha256=expert.sha256)
    return _CONFIG.format(model=pretrained("pt-co").parent, experts=tables)


def _last_assignment(directory: Path, n: int) -> np.ndarray:
    """(N,) that of the last segment, from the ledger."""
    mask = np.zeros(n, bool)
    for line in read_ledger(directory / "demo.moe_ledger"):
        mask[list(line.joined)] = True
        mask[list(line.left)] = False
    return mask


def _last_beads(directory: Path, atoms: Atoms) -> list[Atoms]:
    frames = []
    for k in range(N_BEADS):
        frame = atoms.copy()
        last = read(directory / f"demo.pos_{k}.xyz", index=-1, format="xyz")
        assert isinstance(last, Atoms)
        frame.positions = last.positions
        frames.append(frame)
    return frames


def _output(path: Path) -> dict[str, np.ndarray]:
    from ipi.utils.parsing import read_output

    values: dict[str, np.ndarray] = read_output(str(path))[0]
    return values


def compare_with_full(
    potential: MoEPotential, frames: list[Atoms], assignment: np.ndarray, repeats: int = 3
) -> Comparison:
    """Time MoE and the full complex expert in turn on the same frames, and compare their forces.

    Args:
        potential: of the N atoms.
        frames: B structures of the same N atoms.
        assignment: (N,) bool.
        repeats: pairs of timings after one warm-up.
    """
    positions, cells = [a.positions for a in frames], [a.cell.array for a in frames]
    masks = {"moe": assignment, "full": np.ones_like(assignment)}
    forces = {k: potential.evaluate(positions, cells, mask).forces for k, mask in masks.items()}
    seconds: dict[str, list[float]] = {k: [] for k in masks}
    for _ in range(repeats):
        for k, mask in masks.items():
            start = time.perf_counter()
            potential.evaluate(positions, cells, mask)
            seconds[k].append(time.perf_counter() - start)
    difference = forces["moe"] - forces["full"]
    return Comparison(
        speedup=float(np.median(np.array(seconds["full"]) / np.array(seconds["moe"]))),
        seconds=min(seconds["moe"]),
        rmse=float(np.sqrt(np.mean(difference**2))),
        largest=float(np.abs(difference).max()),
        rms_force=float(np.sqrt(np.mean(forces["full"] ** 2))),
    )


def _table(
    atoms: Atoms,
    assignment: np.ndarray,
    steps: int,
    seconds: float,
    temperature: np.ndarray,
    drift: Drift,
    compared: Comparison,
) -> Table:
    n, n_complex = len(atoms), int(assignment.sum())
    picoseconds = steps * TIMESTEP_FS / 1000
    table = Table(title="CO on Pt(111), path-integral MD through i-PI's socket", show_header=False)
    rows = [
        ("atoms, beads", f"{n} atoms, {N_BEADS} beads, two drivers"),
        ("simulated", f"{steps} steps of {TIMESTEP_FS} fs = {picoseconds:.3f} ps in {seconds:.0f} s (start included)"),
        ("atoms per expert, at the end", f"{n_complex} complex, {n - n_complex} bulk"),
        ("temperature, mean", f"{np.mean(temperature):.0f} K (300 K asked for; it starts from a perfect slab)"),
        ("conserved energy, drift", f"{drift.slope:+.3f} meV/atom/ps"),
        ("conserved energy, largest deviation", f"{drift.largest:.4f} meV/atom"),
        ("speed against the full complex expert", f"{compared.speedup:.1f} x (same process, same {N_BEADS} beads)"),
        (
            "force difference from the full complex expert",
            f"RMSE {1000 * compared.rmse:.1f} meV/A, largest {1000 * compared.largest:.0f} meV/A "
            f"(RMS force {1000 * compared.rms_force:.0f} meV/A)",
        ),
    ]
    for name, value in rows:
        table.add_row(name, value)
    return table
