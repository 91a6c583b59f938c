"""The same observables of both: of runs of i-PI with reassignments, and of the reference."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np
from ase import Atoms

from moe_ipi.typing import FloatArray
from moe_ipi.units import BOHR
from tests.ensemble.reference import Model, Reference, Sampler
from tests.helpers import inputs
from tests.helpers.adaptive import ledger
from tests.helpers.case import Case, read_binary
from tests.helpers.configs import ANALYTIC
from tests.helpers.moe_ipi_run import run_to_end
from tests.helpers.structures import co_on_pt

TEMPERATURE = 400.0
INNER, OUTER = 2.4, 4.0
#: fs.
TIMESTEP, FRICTION = 0.5, 100.0
#: Steps between samples; and those at the beginning that are left out.
STRIDE, START = 10, 2_000
#: A; of the distances from C to the nearest image of each Pt atom.
BINS = np.linspace(1.6, 6.4, 49)
#: Parts of a run that are taken for independent.
BLOCKS = 20


@dataclass(frozen=True)
class Samples:
    """What was seen, in the order of time (S samples).

    Attributes:
        potential: (S,) eV, mean over the beads.
        number: (S,) complex atoms; of the reference its expectation given the positions.
        distances: (S, 8) A, from C to Pt, centroids.
        jumps: (R,) eV, energy booked at each reassignment; none for the reference.
        drawn: (R, 3) number of complex atoms after each reassignment, its expectation and variance given the positions;
            none for the reference and for rules.
    """

    potential: FloatArray
    number: FloatArray
    distances: FloatArray
    jumps: FloatArray
    drawn: FloatArray

    def histogram(self) -> FloatArray:
        """(48,) the distribution of all distances over BINS, normed."""
        return _histogram(self.distances)

    def save(self, path: Path) -> None:
        """To a file of numpy."""
        np.savez_compressed(path, **asdict(self))

    @classmethod
    def load(cls, path: Path) -> Samples:
        """From such a file."""
        with np.load(path) as file:
            return cls(**{field.name: file[field.name] for field in fields(cls)})


def calibration(samples: Samples) -> tuple[float, float]:
    """Of the numbers that were drawn against their expectations: sum / sqrt(variances), and the variance of each.

    The first is a standard normal variable if atoms are drawn as they should be, the second is near 1.
    """
    number, expected, variance = samples.drawn.T
    kept = variance > 0.05
    scores = (number - expected)[kept] / np.sqrt(variance[kept])
    return float((number - expected).sum() / np.sqrt(variance.sum())), float((scores**2).mean())


def _histogram(distances: FloatArray) -> FloatArray:
    counts = np.histogram(distances, BINS)[0]
    result: FloatArray = counts / distances.size
    return result


def variation(one: Samples, other: Samples) -> tuple[float, float]:
    """Total variation between two distributions of distances, and what noise alone would make of it.

    The noise is that of halves of the blocks of each against each other, scaled to the whole.
    """
    found = 0.5 * abs(one.histogram() - other.histogram()).sum()
    variances = np.zeros(len(BINS) - 1)
    for samples in (one, other):
        blocks = [_histogram(block) for block in np.array_split(samples.distances, BLOCKS)]
        variances += np.var(blocks, axis=0, ddof=1) / BLOCKS
    # Mean of |x| of a normal variable: sqrt(2 / pi) sigma.
    return float(found), float(0.5 * np.sqrt(2 / np.pi) * np.sqrt(variances).sum())


def system() -> Atoms:
    """CO between the two faces of two layers of Pt: it cannot leave, and visits all of them."""
    return co_on_pt((2, 2, 2), a=3.92, vacuum=3.2, height=1.9, rattle=0.02, seed=3)


def model() -> Model:
    """The same for the reference."""
    atoms = system()
    return Model(tuple(atoms.get_chemical_symbols()), atoms.get_masses(), atoms.cell.array, INNER, OUTER, TEMPERATURE)


def reference_samples(beads: int, steps: int, seed: int) -> Samples:
    """The reference's."""
    atoms, reference = system(), Reference(model())
    start = np.repeat(atoms.positions[None], beads, axis=0)
    sampler = Sampler(reference, start, TIMESTEP, FRICTION, seed)
    potential, number, centroids = [], [], []
    for step in range(START + steps):
        sampler.step()
        if step >= START and step % STRIDE == 0:
            potential.append(sampler.point.potential)
            number.append(sampler.point.number)
            centroids.append(sampler.beads.mean(axis=0))
    none = np.zeros((0, 3))
    return Samples(np.array(potential), np.array(number), _distances(np.array(centroids)), none[:, 0], none)


def run_samples(folder: Path, reassignment: str, *, beads: int, segment: int, steps: int, seed: int) -> Samples:
    """Those of ``moe-ipi run``."""
    regions = f'[regions]\nradius_in = {INNER}\nradius_out = {OUTER}\n[[regions.rules]]\ntype = "species"\n'
    config = f'{ANALYTIC}{regions}species = ["C", "O"]\n[segments]\nreassignment = "{reassignment}"\n'
    case = Case.create(folder, config + 'union = "centroid"\n', system())
    kind = "pile_l" if beads > 1 else "langevin"
    motion = inputs.dynamics("nvt", TIMESTEP, inputs.thermostat(kind, FRICTION))
    case.write(
        inputs.simulation(
            inputs.system(motion, beads=beads, temperature=TEMPERATURE),
            fields=case.ffsocket(),
            steps=START + steps,
            properties="step, potential{electronvolt}, moe_n_complex",
            trajectories={"centroid": "x_centroid"},
            stride=STRIDE,
            every=STRIDE,
            checkpoint=segment,
            overwrite=True,
            seed=seed,
        )
    )
    run_to_end(case, seconds=3600.0 + steps)
    rows = np.loadtxt(folder / "out.props", ndmin=2)
    first = START // STRIDE
    centroids = read_binary(folder / "out.centroid.bin", len(case.atoms), len(rows))[first:] * BOHR
    lines = [line for line in ledger(folder) if line.step > START]
    jumps = np.array([line.jumps[0] for line in lines])
    drawn = [
        (line.n_complex, float(line.named["expected"]), float(line.named["variance"]))
        for line in lines
        if reassignment == "gibbs"
    ]
    return Samples(rows[first:, 1], rows[first:, 2], _distances(centroids), jumps, np.array(drawn).reshape(-1, 3))


def _distances(centroids: FloatArray) -> FloatArray:
    """(S, 8) from C to Pt."""
    atoms = system()
    cell = atoms.cell.array
    vectors = centroids[:, 8:9] - centroids[:, :8]
    vectors -= np.round(vectors @ np.linalg.inv(cell)) @ cell
    # The cell is skew: one of the images around may be nearer.
    near = [vectors + (n * cell[0] + m * cell[1]) for n in (-1, 0, 1) for m in (-1, 0, 1)]
    return np.asarray(np.min([np.linalg.norm(v, axis=-1) for v in near], axis=0), np.float64)
