"""Errors against reference labels, and against the full complex expert, by distance from the interface."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from ase import Atoms

from moe_ipi.frames import frames_of
from moe_ipi.typing import BoolArray, FloatArray
from moe_ipi.validation.binning import by_bins, force_density, rms, with_gaps
from moe_ipi.validation.result import Check, Curve, Plot, Quantity, Row, Table
from moe_ipi.validation.subject import Subject

#: Force errors relative to the RMS force (%): complex on frames with a complex region, bulk on bulk frames; absolute
#: (meV/A); MoE over complex.
COMPLEX, BULK, ABSOLUTE, RATIO = 5.0, 8.0, 50.0, 1.1
#: What helps where forces are too far from the labels; the first word is the expert.
TRAIN = (
    "Train the {expert} expert on more frames like those with the largest errors (label a few and add them to "
    "train.xyz), for longer, or with more features; first see that the labels are converged and of one method."
)
WIDEN = (
    "Enlarge radius_in and radius_out of [regions]: the table by distance shows how far from the region MoE differs "
    "from the complex expert. Or train a better bulk expert."
)


@dataclass
class Errors:
    """Force components and energies of one model against the labels of some frames."""

    predicted: list[FloatArray] = field(default_factory=list)
    labelled: list[FloatArray] = field(default_factory=list)
    energies: list[float] = field(default_factory=list)

    def add(self, forces: FloatArray, energy: float, frame: Atoms) -> None:
        self.predicted.append(forces)
        self.labelled.append(frame.get_forces())
        self.energies.append((energy - frame.get_potential_energy()) / len(frame))

    @property
    def rmse(self) -> float:
        """Of force components, meV/A."""
        return 1000 * rms(np.concatenate(self.predicted) - np.concatenate(self.labelled))

    @property
    def rms_force(self) -> float:
        """Of the labels' components, meV/A."""
        return 1000 * rms(np.concatenate(self.labelled))

    @property
    def relative(self) -> float:
        """RMSE over RMS force, %."""
        return 100 * self.rmse / self.rms_force

    @property
    def energy_rmse(self) -> float:
        """meV/atom."""
        return 1000 * rms(np.array(self.energies))


def check(subject: Subject) -> Check:
    """Each expert and both together against labels that training did not see."""
    result = Check(
        "parity",
        "Forces against reference labels",
        "Frames held out from training by trajectory. The complex expert is judged on frames that have a complex "
        "region, the bulk expert on frames that have none, and both together with the regions of the config.",
    )
    if not subject.labels:
        result.skipped = "there are no reference labels; give --labels FILE or validation.labels"
        return result
    errors = {name: Errors() for name in ("complex", "moe", "bulk", "complex on bulk frames")}
    distances: list[FloatArray] = []
    against_complex: list[FloatArray] = []
    for frame in subject.labels:
        mask, forces, energies = _evaluate(subject, frame)
        if mask.any():
            for k, name in enumerate(("complex", "moe")):
                errors[name].add(forces[k], energies[k], frame)
            distances.append(interface_distances(frame, mask))
            against_complex.append(forces[1] - forces[0])
        else:
            errors["bulk"].add(forces[1], energies[1], frame)
            errors["complex on bulk frames"].add(forces[0], energies[0], frame)
    errors = {name: e for name, e in errors.items() if e.energies}
    _judge(result, errors)
    result.tables.append(_table(errors))
    _draw(result, errors, distances, against_complex)
    return result


def _evaluate(subject: Subject, frame: Atoms) -> tuple[BoolArray, list[FloatArray], list[float]]:
    """Assignment, and forces and energies of (complex everywhere, MoE); MoE is bulk where nothing is complex."""
    potential = subject.potential.with_species(frame.get_chemical_symbols())
    frames = frames_of(frame)
    mask = subject.assignment(frame)
    outs = [potential.evaluate_frames(frames, hamiltonian="complex"), potential.evaluate_frames(frames, mask)]
    return mask, [o.forces[0] for o in outs], [float(o.energies[0]) for o in outs]


def interface_distances(frame: Atoms, mask: BoolArray) -> FloatArray:
    """(N,) A: from each atom to the nearest atom of the other expert; negative in the complex region.

    NaN where there is no other expert.
    """
    if mask.all() or not mask.any():
        return np.full(len(frame), np.nan)
    all_distances: FloatArray = frame.get_all_distances(mic=True)
    signed: FloatArray = np.where(mask, -all_distances[:, ~mask].min(axis=1), all_distances[:, mask].min(axis=1))
    return signed


def by_distance(distances: FloatArray, differences: FloatArray) -> list[tuple[float, int, float]]:
    """(middle of the bin in A, atoms, RMS of components in meV/A) for bins of 1 A."""
    return by_bins(distances, differences, lambda values: 1000 * rms(values))


def _judge(result: Check, errors: dict[str, Errors]) -> None:
    if "complex" in errors:
        complex, moe = errors["complex"], errors["moe"]
        ratio = moe.rmse / complex.rmse if complex.rmse > 0 else float("inf")
        result.quantities += [
            Quantity(
                "complex expert, force RMSE / RMS force",
                complex.relative,
                "%",
                COMPLEX,
                remedy=TRAIN.format(expert="complex"),
            ),
            Quantity(
                "complex expert, force RMSE", complex.rmse, "meV/Å", ABSOLUTE, remedy=TRAIN.format(expert="complex")
            ),
            Quantity("MoE / complex expert, force RMSE", ratio, "", RATIO, remedy=WIDEN),
        ]
    if "bulk" in errors:
        result.quantities.append(
            Quantity(
                "bulk expert on bulk frames, force RMSE / RMS force",
                errors["bulk"].relative,
                "%",
                BULK,
                remedy=TRAIN.format(expert="bulk"),
            )
        )


_LABELS = {
    "complex": "complex everywhere",
    "moe": "MoE",
    "bulk": "bulk, bulk frames",
    "complex on bulk frames": "complex, bulk frames",
}


def _table(errors: dict[str, Errors]) -> Table:
    columns = ("model", "frames", "force RMSE, meV/Å", "RMS force, meV/Å", "relative, %", "energy RMSE, meV/atom")
    rows: list[Row] = [
        (_LABELS[n], len(e.energies), *(round(v, 2) for v in (e.rmse, e.rms_force, e.relative, e.energy_rmse)))
        for n, e in errors.items()
    ]
    return Table("Errors against the labels", columns, tuple(rows))


def _draw(
    result: Check,
    errors: dict[str, Errors],
    distances: list[FloatArray],
    against_complex: list[FloatArray],
) -> None:
    result.plots += [
        force_density(f"Force components: {_LABELS[name]}", np.concatenate(e.labelled), np.concatenate(e.predicted))
        for name, e in errors.items()
    ]
    if not distances:
        return
    d = np.concatenate(distances)
    differences = {
        "MoE - labels": np.concatenate(errors["moe"].predicted) - np.concatenate(errors["moe"].labelled),
        "complex - labels": np.concatenate(errors["complex"].predicted) - np.concatenate(errors["complex"].labelled),
        "MoE - complex": np.concatenate(against_complex),
    }
    profiles = {name: by_distance(d, values) for name, values in differences.items()}
    first = next(iter(profiles.values()))
    rows = [
        (row[0], row[1], *(round(profile[k][2], 1) for profile in profiles.values())) for k, row in enumerate(first)
    ]
    title = "RMS force difference by distance from the interface (complex side negative)"
    columns = ("distance, Å", "atoms", *(f"{name}, meV/Å" for name in profiles))
    result.tables.append(Table(title, columns, tuple(rows)))
    result.plots.append(
        Plot(
            title,
            "distance from the nearest atom of the other expert, Å",
            "RMS difference, meV/Å",
            tuple(Curve(name, *with_gaps(profile), "both") for name, profile in profiles.items()),
        )
    )
