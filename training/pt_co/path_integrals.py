"""Kinetic energies of C and O in path integrals whose correction (both experts - bulk) is on few beads.

    python path_integrals.py FOLDER [--config moe.toml] [--beads 32] [--few 4 1] [--steps 16000]

CO on a bridge of Pt(111), 18 atoms, 300 K, fixed regions, real i-PI: the bulk expert on all beads, the correction on a
ring polymer contracted to ``few`` of them.  Runs that are there already are only evaluated.

What plain path integrals (the correction on all beads) would have given is an average over the same frames, each with
the weight of the energy that was left out (R. W. Zwanzig, J. Chem. Phys. 22, 1420 (1954)):

    <T>_plain = <T_plain w> / <w>,    w = exp[-(sum_j V(q_j) / P - sum_k V(q'_k) / p) / kT],

q the P beads, q' the p of the contracted ring, V the correction.  Both sides share their noise, so that the difference
is known better than either; its error is from blocks of the run.  T are centroid-virial estimators,

    T = 3/2 kT - 1 / 2P sum_j (q_j - mean q) F_j.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.build import add_adsorbate, fcc111
from ase.io import read
from ase.units import kB
from ipi.utils.nmtransform import nm_rescale

from moe_ipi import MoEPotential, load_config, pretrained
from moe_ipi.config import ComputeConfig, Config, RegionsConfig, write_config
from moe_ipi.frames import frames_of as structures
from moe_ipi.potential import Hamiltonian
from moe_ipi.regions.partitioner import Partitioner
from moe_ipi.structure import write_ipi_xyz

TEMPERATURE = 300.0
#: Steps of 0.5 fs between two frames that are kept, and the part of the run that is left out at its start.
STRIDE, START = 20, 1 / 8
BLOCKS = 10

_INPUT = """<simulation verbosity='low' floatformat='%25.17e'>
  <output prefix='out'>
    <properties filename='props' stride='20'>
      [ step, time{{picosecond}}, conserved{{electronvolt}}, temperature{{kelvin}}, potential{{electronvolt}} ]
    </properties>
    <trajectory filename='pos' stride='{stride}' format='xyz'> positions{{angstrom}} </trajectory>
    <checkpoint filename='chk' stride='1000' overwrite='true'/>
  </output>
  <total_steps>{steps}</total_steps>
  <prng><seed>{few}</seed></prng>
  <ffsocket name='bulk' mode='unix' pbc='False'>
    <address>path-integrals-bulk</address> <latency>1e-4</latency>
    <parameters> {{moe_hamiltonian: bulk}} </parameters> <batch_size>{beads}</batch_size>
  </ffsocket>
  <ffsocket name='correction' mode='unix' pbc='False'>
    <address>path-integrals-correction</address> <latency>1e-4</latency>
    <parameters> {{moe_hamiltonian: correction}} </parameters> <batch_size>{few}</batch_size>
  </ffsocket>
  <system>
    <initialize nbeads='{beads}'>
      <file mode='xyz'> init.xyz </file>
      <velocities mode='thermal' units='kelvin'> {temperature} </velocities>
    </initialize>
    <forces> <force forcefield='bulk'/> <force forcefield='correction' nbeads='{few}'/> </forces>
    <ensemble> <temperature units='kelvin'> {temperature} </temperature> </ensemble>
    <motion mode='dynamics'>
      <dynamics mode='nvt'>
        <timestep units='femtosecond'> 0.5 </timestep>
        <thermostat mode='pile_l'> <tau units='femtosecond'> 100 </tau> </thermostat>
      </dynamics>
    </motion>
  </system>
</simulation>
"""


@dataclass(frozen=True)
class Sampled:
    """What the frames of a run say: kinetic energies (n, 2) of C and O, eV, and the energy that was left out, eV."""

    contracted: np.ndarray
    plain: np.ndarray
    left_out: np.ndarray

    def averages(self, which: np.ndarray) -> np.ndarray:
        """(2, 2): with the contraction and without, for C and O, from some of the frames."""
        weights = np.exp(-(self.left_out[which] - self.left_out.min()) / (kB * TEMPERATURE))
        return np.array([self.contracted[which].mean(axis=0), np.average(self.plain[which], axis=0, weights=weights)])

    def with_errors(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Averages (2, 2), eV; (contracted / plain - 1) of C and O; and its standard error, by the jackknife."""
        frames = np.arange(len(self.left_out))
        without = [self.averages(np.setdiff1d(frames, block)) for block in np.array_split(frames, BLOCKS)]
        ratios = np.array([each[0] / each[1] - 1 for each in without])
        error = np.sqrt((BLOCKS - 1) * ratios.var(axis=0))
        averages = self.averages(frames)
        return averages, averages[0] / averages[1] - 1, error

    @property
    def effective(self) -> float:
        """The share of the frames that carry the weight (Kish)."""
        weights = np.exp(-(self.left_out - self.left_out.min()) / (kB * TEMPERATURE))
        return float(weights.sum() ** 2 / (weights**2).sum() / len(weights))


def slab() -> Atoms:
    """The first structure."""
    atoms = fcc111("Pt", (2, 2, 4), a=3.977, vacuum=7.0, periodic=True)
    add_adsorbate(atoms, Atoms("CO", positions=[[0, 0, 0], [0, 0, 1.17]]), 1.45, "bridge")
    return atoms


def run(folder: Path, atoms: Atoms, beads: int, few: int, steps: int) -> None:
    """Real i-PI and its drivers, from the newest checkpoint if there is one."""
    write_ipi_xyz(folder / "init.xyz", atoms.get_chemical_symbols(), atoms.positions, atoms.cell.array.T, "angstrom")
    text = _INPUT.format(beads=beads, few=few, steps=steps, stride=STRIDE, temperature=TEMPERATURE)
    (folder / "input.xml").write_text(text)
    with (folder / "log").open("a") as log:
        program = Path(sys.executable).with_name("moe-ipi")
        command = [program, "run", "input.xml", "-c", "moe.toml", "--continue"]
        subprocess.run(command, cwd=folder, stdout=log, stderr=subprocess.STDOUT, check=True)


def frames_of(folder: Path, beads: int, steps: int) -> np.ndarray:
    """(n, P, N, 3) A: the beads of the frames after the start."""
    digits = len(str(beads - 1))
    paths = [folder / f"out.pos_{bead:0{digits}d}.xyz" for bead in range(beads)]
    each = [np.array([frame.positions for frame in read(path, ":", format="extxyz")]) for path in paths]
    return np.stack(each, axis=1)[int(START * steps) // STRIDE : steps // STRIDE + 1]


def sampled(potential: MoEPotential, assignment: np.ndarray, atoms: Atoms, frames: np.ndarray, few: int) -> Sampled:
    """Both Hamiltonians on the same frames."""
    beads = frames.shape[1]
    scale = nm_rescale(beads, few)
    symbols = atoms.get_chemical_symbols()
    mine = [symbols.index("C"), symbols.index("O")]
    contracted, plain, left_out = [], [], []
    for ring in frames:

        def evaluate(positions: np.ndarray, hamiltonian: Hamiltonian) -> tuple[np.ndarray, np.ndarray]:
            cells = np.repeat(atoms.cell.array[None], len(positions), axis=0)
            found = potential.evaluate(positions, cells, assignment, hamiltonian=hamiltonian)
            return found.energies, found.forces[:, mine]

        _, bulk = evaluate(ring, "bulk")
        energies, correction = evaluate(ring, "correction")
        few_energies, few_forces = evaluate(scale.b1tob2(ring.reshape(beads, -1)).reshape(few, -1, 3), "correction")
        spread = scale.b2tob1(few_forces.reshape(few, -1)).reshape(beads, 2, 3)
        away = ring[:, mine] - ring[:, mine].mean(axis=0)
        for found, forces in ((contracted, bulk + spread), (plain, bulk + correction)):
            found.append(1.5 * kB * TEMPERATURE - (away * forces).sum(axis=(0, 2)) / (2 * beads))
        left_out.append(energies.mean() - few_energies.mean())
    return Sampled(np.array(contracted), np.array(plain), np.array(left_out))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--config", type=Path, default=pretrained("pt-co"))
    parser.add_argument("--beads", type=int, default=32)
    parser.add_argument("--few", type=int, nargs="+", default=[4, 1])
    parser.add_argument("--steps", type=int, default=16_000)
    args = parser.parse_args()
    config, atoms = load_config(args.config), slab()
    symbols = atoms.get_chemical_symbols()
    assignment = Partitioner(config.regions, symbols).assign_frames(structures(atoms))
    # The same experts, compiled, and regions that never change.
    regions = RegionsConfig.fixed(np.flatnonzero(assignment))
    fixed = Config(experts=config.experts, regions=regions, compute=ComputeConfig(compile=True))
    potential = MoEPotential.from_config(fixed, symbols)
    print(f"{assignment.sum()} of {len(atoms)} atoms complex, {args.beads} beads")
    for few in args.few:
        folder = args.folder / f"{few}-of-{args.beads}"
        folder.mkdir(parents=True, exist_ok=True)
        write_config(folder / "moe.toml", fixed)
        run(folder, atoms, args.beads, few, args.steps)
        found = sampled(potential, assignment, atoms, frames_of(folder, args.beads, args.steps), few)
        averages, off, error = found.with_errors()
        print(
            f"correction on {few} beads, {len(found.left_out)} frames, {found.effective:.0%} of them carry the weight"
        )
        for k, name in enumerate("CO"):
            few_mev, plain_mev = 1000 * averages[:, k]
            print(
                f"  {name}: kinetic energy {few_mev:.2f} meV, plain {plain_mev:.2f} meV: "
                f"{100 * off[k]:+.2f}({100 * error[k]:.2f}) %",
                flush=True,
            )


if __name__ == "__main__":
    main()
