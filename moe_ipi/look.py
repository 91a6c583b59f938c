"""The work behind ``moe-ipi regions``: which atoms a run would make complex, before it runs."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.io.extxyz import write_extxyz

from moe_ipi.config import AgreementRule, Config, RegionsConfig, load_config
from moe_ipi.errors import MoEError
from moe_ipi.frames import Frames, frames_of
from moe_ipi.models import find_config
from moe_ipi.potential import MoEPotential
from moe_ipi.regions.partitioner import Partitioner
from moe_ipi.regions.smooth import SmoothRegions, check_smooth, suits_drawing
from moe_ipi.regions.warnings import assignment_warning
from moe_ipi.structure import periodicity_note, read_template
from moe_ipi.threads import threads
from moe_ipi.typing import BoolArray, FloatArray, Hamiltonian, IntArray

#: An atom is at the edge while both experts have this weight: with one seed, between radius_in and radius_out.
_RARE = 1e-3
#: Rounds in which the experts are timed; the first warm up.
_ROUNDS, _WARM = 7, 2
#: Seconds after which no further round begins.
_ENOUGH = 60.0


class LookError(MoEError):
    """What was found cannot be written."""


@dataclass(frozen=True)
class Look:
    """What the regions do with N atoms.

    Attributes:
        seeds: (rules, N) the seeds of each rule; of ``agreement`` the atoms on which the experts disagree.
        assignment: (N,) True for atoms of the complex expert: by the rules; where it will be drawn, the likelier one.
        fewest, most: of complex atoms in this structure; they are equal if neither chance nor memory takes part.
        mean: of complex atoms; where it will be drawn, if the experts agreed.
        weights: (N,) of the complex expert, where it will be drawn.
        disagreement: (N,) eV, how much the experts differ, if a rule asks for it.
    """

    seeds: BoolArray
    assignment: BoolArray
    fewest: int
    most: int
    mean: float
    weights: FloatArray | None = None
    disagreement: FloatArray | None = None


def look(
    structure: Path,
    config: str | Path,
    *,
    output: Path | None = None,
    png: Path | None = None,
    html: Path | None = None,
    time: bool = False,
    device: str | None = None,
    compile: bool | None = None,
    log: Callable[[str], None] = print,
) -> None:
    """Say which atoms are complex and what that will cost, and write it down.

    Args:
        structure: a template, see :func:`moe_ipi.structure.read_template`.
        config: path of a ``moe.toml``, or the name of a shipped pair.
        output: extended xyz with ``expert`` (1 complex, 0 bulk), ``seed`` (1 or 0) and, where there is one,
            ``weight`` and ``disagreement`` (eV) of every atom.
        png: a picture.
        html: a page that shows the atoms in three dimensions, see :func:`moe_ipi.view.write_view`.
        time: measure the cost of the experts on this structure.
        device, compile: override the config's ``[compute]``.
        log: receives lines for the user.

    Raises:
        ConfigError, ModelError, StructureError: something that was given cannot be used.
        LookError, ViewError: a file cannot be written, or chemiscope is not installed.
    """
    if png is not None and png.suffix.lower() != ".png":
        raise LookError(f"the picture is a PNG: give --png a name that ends in .png, not '{png}'")
    if html is not None:
        from moe_ipi.view import require_viewer, write_view  # imports matplotlib

        require_viewer()
    loaded = load_config(find_config(config))
    atoms = read_template(structure)
    frames = frames_of(atoms)
    species = atoms.get_chemical_symbols()
    partitioner = Partitioner(loaded.regions, species)
    potential = None
    if time or loaded.regions.needs_disagreement:
        potential = MoEPotential.from_config(loaded, species, device=device, compile=compile)
    found = examine(loaded, partitioner, frames, potential)
    log(f"{len(atoms)} atoms: {atoms.get_chemical_formula()}")
    for line in (*_notes(atoms, loaded.regions), *_told(loaded.regions, found)):
        log(line)
    warning = _warning(partitioner, frames, found)
    if warning is not None:
        log(f"warning: {warning}")
    compiled = loaded.compute.compile if compile is None else compile
    for line in _speed(found, potential if time else None, frames, "compiled" if compiled else "not compiled"):
        log(line)
    if output is not None:
        _write(atoms, found, output)
        log(f"{output}: expert = 1 for atoms of the complex expert, 0 for the others")
    if png is not None:
        _draw(atoms, found.assignment, png)
        log(f"{png}: a picture")
    if html is not None:
        write_view(atoms, found.assignment, html, title=f"{structure.name}: which atom has which expert")
        log(f"{html}: a page that shows the atoms in three dimensions")


def examine(config: Config, partitioner: Partitioner, frames: Frames, potential: MoEPotential | None = None) -> Look:
    """Apply the regions to one structure, as the first segment of a run would.

    Args:
        config: regions and segments.
        partitioner: its rules.
        frames: the structure.
        potential: the experts; only rules of type ``agreement`` need them.

    Raises:
        ConfigError, StructureError: see :meth:`Partitioner.assign`.
    """
    regions = partitioner.regions
    seeds = partitioner.seeds_by_rule(frames)
    if will_be_drawn(config):
        smooth = SmoothRegions(regions, partitioner.species)
        ((positions, cell),) = frames
        weights: FloatArray = -np.expm1(smooth.log_bulk(positions, cell, frames.pbc))
        fewest, most = (int(np.count_nonzero(weights > bound)) for bound in (1.0 - _RARE, _RARE))
        return Look(seeds, weights >= 0.5, fewest, most, float(weights.sum()), weights)
    disagreement = None
    if regions.needs_disagreement:
        assert potential is not None
        disagreement = potential.disagreement_of(frames)
        for number, rule in enumerate(regions.rules):
            if isinstance(rule, AgreementRule):
                seeds[number] = disagreement[0] > rule.tolerance
    assignment = partitioner.assign_frames(frames, disagreement=disagreement)
    # Whoever has come stays up to the outer radius.
    everyone = np.ones_like(assignment)
    stayed = partitioner.assign_frames(frames, disagreement=disagreement, previous=everyone)
    count = int(assignment.sum())
    disagreeing = None if disagreement is None else disagreement[0]
    return Look(seeds, assignment, count, int(stayed.sum()), count, disagreement=disagreeing)


def will_be_drawn(config: Config) -> bool:
    """Whether ``moe-ipi run`` draws the assignments, if the run has one system and a thermostat.

    Raises:
        ConfigError: they shall be, and cannot.
    """
    if config.segments.segment_steps == 0 or config.segments.reassignment == "rules":
        return False
    if config.segments.reassignment == "gibbs":
        check_smooth(config.regions)
    return config.segments.reassignment == "gibbs" or suits_drawing(config.regions)


def _notes(atoms: Atoms, regions: RegionsConfig) -> list[str]:
    notes = [periodicity_note(atoms)]
    cell = atoms.cell.array
    turned = (abs(np.triu(cell, 1)) > 1e-3).any() or (np.diag(cell) < 0).any()
    if regions.oriented_axes and turned:
        notes.append(
            "i-PI turns this cell so that a is along x and b in the xy plane, and slab and box rules are then measured "
            "in that orientation: here they are measured in that of the file"
        )
    return [note for note in notes if note is not None]


def _told(regions: RegionsConfig, found: Look) -> list[str]:
    natoms = len(found.assignment)
    lines = []
    for number, (rule, row) in enumerate(zip(regions.rules, found.seeds, strict=True)):
        what = "atoms, which do not grow" if isinstance(rule, AgreementRule) else "seeds"
        lines.append(f"regions.rules.{number} ({rule.type}): {row.sum()} {what}")
    if found.weights is not None:
        return [
            *lines,
            f"complex: about {found.mean:.0f} of {natoms} atoms ({_percent(found.mean / natoms)}) if the experts "
            f"agree: {found.fewest} always, and some of {found.most - found.fewest} at the edge ({regions.inner:g} to "
            f"{regions.outer:g} A)",
            "this is for runs of one system with a thermostat, where the assignment is drawn (docs/ensemble.md)",
        ]
    lines.append(
        f"complex: {found.fewest} of {natoms} atoms ({_percent(found.fewest / natoms)}) after growth by "
        f"{regions.inner:g} A"
    )
    if found.most > found.fewest:
        more = found.most - found.fewest
        lines.append(f"up to {more} more, out to {regions.outer:g} A, stay complex if they come from nearer")
    return lines


def _warning(partitioner: Partitioner, frames: Frames, found: Look) -> str | None:
    if found.weights is None or found.assignment.all():
        text = assignment_warning(partitioner, frames, found.assignment)
    else:
        text = None
    if text is None and found.most == 0:
        return "every atom is bulk, so the complex expert is never used: widen the rules in [regions], if not meant"
    return text


def _speed(found: Look, potential: MoEPotential | None, frames: Frames, how: str) -> list[str]:
    """Lines about the speed; without a potential, what it depends on.  ``how`` the experts are computed."""
    natoms = len(found.assignment)
    f = found.mean / natoms
    ends = [count / natoms for count in (found.fewest, found.most)]
    formula = f"1 / ({f:.3f} + {1 - f:.3f} r)"
    if potential is None:
        limit = f", less than {1 / f:.1f}" if f > 0 else ""
        return [
            f"expected speed: {formula} times that of the complex expert on every atom{limit}; r = cost of an atom "
            "with the bulk expert : with the complex expert, which --time measures"
        ]
    seconds = seconds_of(potential, frames, found.assignment)
    r, gain = seconds["bulk"] / seconds["complex"], seconds["complex"] / seconds["moe"]
    expected = [1 / (x + (1 - x) * r) for x in (f, *ends)]
    both = f" ({min(expected):.2f} to {max(expected):.2f})" if found.most > found.fewest else ""
    return [
        f"on every atom the complex expert takes {seconds['complex']:.3g} s here, the bulk expert "
        f"{seconds['bulk']:.3g} s ({how}, {threads()} thread(s)): r = {r:.3f}",
        f"expected speed: {formula} = {expected[0]:.2f} times that of the complex expert on every atom{both}; measured "
        f"with {found.assignment.sum()} complex atoms: {gain:.2f} times",
    ]


def seconds_of(potential: MoEPotential, frames: Frames, assignment: BoolArray) -> dict[Hamiltonian, float]:
    """The shortest wall times (s) of the energies ``complex``, ``bulk`` and ``moe`` of one structure.

    They are taken in turn; whatever else a machine does makes times longer, never shorter.
    """
    seconds: dict[Hamiltonian, list[float]] = {"complex": [], "bulk": [], "moe": []}
    begin = time.perf_counter()
    for turn in range(_ROUNDS):
        for name, times in seconds.items():
            start = time.perf_counter()
            potential.evaluate_frames(frames, assignment, name)
            if turn >= _WARM:
                times.append(time.perf_counter() - start)
        if turn >= _WARM and time.perf_counter() - begin > _ENOUGH:
            break
    return {name: min(times) for name, times in seconds.items()}


def _write(atoms: Atoms, found: Look, path: Path) -> None:
    arrays: dict[str, IntArray | FloatArray | None] = {
        "expert": found.assignment.astype(np.int64),
        "seed": np.asarray(found.seeds.any(axis=0), np.int64),
        "weight": found.weights,
        "disagreement": found.disagreement,
    }
    written = Atoms(atoms.symbols, positions=atoms.positions, cell=atoms.cell, pbc=atoms.pbc)
    for name, values in arrays.items():
        if values is not None:
            written.set_array(name, values)
    try:
        with path.open("w", encoding="utf-8") as file:
            write_extxyz(file, [written])
    except OSError as error:
        raise LookError(f"cannot write '{path}': {error.strerror or error}; name another file") from error


def _draw(atoms: Atoms, assignment: BoolArray, path: Path) -> None:
    from moe_ipi.picture import draw_assignment  # imports matplotlib

    try:
        draw_assignment(atoms, assignment, path)
    except OSError as error:
        raise LookError(f"cannot write '{path}': {error.strerror or error}; name another file") from error


def _percent(fraction: float) -> str:
    return f"{100 * fraction:.1f} %"
