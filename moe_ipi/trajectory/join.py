"""The work behind ``moe-ipi trajectory``."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.io.extxyz import write_extxyz

from moe_ipi.trajectory.files import (
    CENTROID,
    Track,
    TrajectoryError,
    find_extras,
    find_tracks,
    frames,
    systems_with,
)
from moe_ipi.trajectory.history import History, ledger_of


@dataclass(frozen=True)
class Sources:
    """The files that are joined.

    Attributes:
        track: where the positions are.
        ledger: the history of the assignment.
        extras: assignments that drivers returned.
        files: all files of the run that are of these kinds.
    """

    track: Track
    ledger: Path | None
    extras: Path | None
    files: Sequence[Path]


def write_trajectory(
    prefix: Path,
    output: Path,
    *,
    beads: bool = False,
    track: str | None = None,
    log: Callable[[str], None] = print,
) -> None:
    """Write one extended xyz: positions (A), cell, periodicity, elements, and the expert of every atom.

    The columns and the comment of a frame are what :func:`joined` yields.

    Args:
        prefix: of the run's files, with their folder: the ``prefix`` of i-PI's ``<output>``, and in front of it that of
            the ``<system>`` if there are several.
        output: the file; an old one is replaced when all is read.
        beads: a frame for every bead, one after the other at each step, instead of one for their centroid.
        track: ``filename`` of the ``<trajectory>``, if there are several.
        log: receives lines for the user.

    Raises:
        TrajectoryError: there is nothing to join, or it does not fit together.
        LedgerError: the ledger cannot be read.
    """
    sources = find_sources(prefix, beads=beads, track=track)
    if any(output.resolve() == path.resolve() for path in sources.files):
        raise TrajectoryError(f"'{output}' is a file of the run itself: give another name with -o")
    part = output.with_name(f".{output.name}.part")
    try:
        with part.open("w", encoding="utf-8") as file:
            for atoms in joined(sources, beads=beads, note=log):
                write_extxyz(file, [atoms])
        part.replace(output)
    except OSError as error:
        raise TrajectoryError(f"cannot write '{output}': {error.strerror or error}; name another file") from error
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
    log(f"{output}: expert = 1 for atoms of the complex expert, 0 for the others")


def find_sources(prefix: Path, *, beads: bool, track: str | None) -> Sources:
    """Choose among the files of a run; arguments as for :func:`write_trajectory`.

    Raises:
        TrajectoryError: there are no positions, or several.
    """
    tracks = find_tracks(prefix)
    if not tracks:
        raise TrajectoryError(_nothing(prefix))
    chosen = _chosen(tracks, beads, track)
    if not beads and sorted(chosen.files) != list(range(len(chosen.files))):
        raise TrajectoryError(
            f"the centroid needs all beads, and '{chosen.name}' has only {', '.join(map(str, sorted(chosen.files)))}: "
            "write x_centroid in the run, or take --beads"
        )
    ledger, returned = ledger_of(prefix), find_extras(prefix)
    if ledger is None and not returned:
        raise TrajectoryError(
            f"nothing says which atom had which expert: there is no {prefix.name}.moe_ledger (moe-ipi run writes it), "
            "and no <trajectory> of extras with moe_assignment"
        )
    # All beads have one assignment.
    files = [*returned.values(), *(path for each in tracks for path in each.files.values())]
    files += [] if ledger is None else [ledger]
    return Sources(chosen, ledger, returned[min(returned)] if returned else None, files)


def _chosen(tracks: Sequence[Track], beads: bool, name: str | None) -> Track:
    if name is not None:
        tracks = [track for track in tracks if track.name == name]
        if not tracks:
            raise TrajectoryError(f"there is no trajectory of positions '{name}'")
    centroids = [track for track in tracks if track.quantity == CENTROID]
    positions = [track for track in tracks if track.quantity != CENTROID]
    suitable = positions if beads else centroids or positions
    if not suitable:
        raise TrajectoryError("there are no positions of beads, only of the centroid: leave out --beads")
    if len(suitable) > 1:
        names = ", ".join(track.name for track in suitable)
        raise TrajectoryError(f"the run has several trajectories of positions: choose one of {names} with --track")
    return suitable[0]


def _nothing(prefix: Path) -> str:
    systems = systems_with(prefix)
    if systems:
        return f"the trajectories of '{prefix}' are those of several systems: give {' or '.join(systems)} as the prefix"
    return (
        f"there is no trajectory of positions or x_centroid '{prefix}.*.xyz': give the prefix of <output>, with its "
        "folder, of a run that writes one with format='xyz' (or 'ase')"
    )


def joined(sources: Sources, *, beads: bool, note: Callable[[str], None]) -> Iterator[Atoms]:
    """The frames in the order of time.

    Each has ``expert`` (N,) int64, 1 for atoms of the complex expert and 0 for the others, and in ``info`` the
    ``step``, ``n_complex``, with a ledger the ``segment``, and with ``beads`` the ``bead``.  Atoms are not wrapped.

    Args:
        sources: where everything is.
        beads: see :func:`write_trajectory`.
        note: receives lines for the user.

    Raises:
        TrajectoryError, LedgerError: see :func:`write_trajectory`.
    """
    history: History | None = None
    steps: list[int] = []
    unknown: list[int] = []
    changes, last = 0, None
    for step, images in _steps(sources.track, note):
        if history is None:
            history = History(len(images[0][1]), sources.ledger, sources.extras)
        found = history.at(step)
        if found is None:
            unknown.append(step)
            continue
        assignment, segment = found
        steps.append(step)
        changes += last is not None and not np.array_equal(assignment, last)
        last = assignment
        for bead, atoms in images if beads else [_centroid(images)]:
            atoms.set_array("expert", assignment.astype(np.int64))
            atoms.info = {"step": step, "n_complex": int(assignment.sum())}
            if segment is not None:
                atoms.info["segment"] = segment
            if beads:
                atoms.info["bead"] = bead
            yield atoms
    if unknown:
        note(
            f"{len(unknown)} steps ({unknown[0]} to {unknown[-1]}) are left out: neither a ledger nor extras say which "
            "assignment they were computed under"
        )
    if history is None or not steps:
        raise TrajectoryError(f"no frame of '{sources.track.name}' can be used")
    each = f" of {len(sources.track.files)} beads" if beads else ""
    confirmed = f"; {history.confirmed} of them confirmed by the drivers' extras" if history.confirmed else ""
    source = sources.ledger or sources.extras
    note(f"{len(steps)} steps{each}, {steps[0]} to {steps[-1]}: {changes} times another assignment than the one before")
    note(f"assignments from '{source.name if source else ''}'{confirmed}")


def _steps(track: Track, note: Callable[[str], None]) -> Iterator[tuple[int, list[tuple[int, Atoms]]]]:
    """Every step with the atoms of each bead."""
    beads = sorted(track.files)
    for row in zip_longest(*(frames(track.files[bead], note) for bead in beads)):
        if None in row:
            note(f"the files of '{track.name}' do not end at the same step: what not all beads have is left out")
            return
        steps = {step for step, _ in row}
        if len(steps) > 1 or len({len(atoms) for _, atoms in row}) > 1:
            raise TrajectoryError(
                f"the files of '{track.name}' do not fit together: one has step {min(steps)} where another has step "
                f"{max(steps)}"
            )
        yield row[0][0], [(bead, atoms) for bead, (_, atoms) in zip(beads, row, strict=True)]


def _centroid(images: list[tuple[int, Atoms]]) -> tuple[int, Atoms]:
    """The mean of the beads, which i-PI does not wrap."""
    bead, atoms = images[0]
    if len(images) > 1:
        atoms.positions = np.mean([image.positions for _, image in images], axis=0)
    return bead, atoms
