"""Phonons at a few points, by finite displacements."""

from __future__ import annotations

import numpy as np

from moe_ipi.properties.phonons import PATHS, POINTS, Leg, frequencies_at, path, phonon_model
from moe_ipi.typing import FloatArray
from moe_ipi.validation.checks.eos import NO_CRYSTAL, NOT_CUBIC
from moe_ipi.validation.result import Check, Curve, Plot, Quantity, Row, Table
from moe_ipi.validation.subject import Subject

#: Largest relative difference of a frequency, bulk against complex (%), and lowest frequency (THz).
TOLERANCE, LOWEST = 5.0, -0.05
REMEDIES = (
    "Train the pair for longer (moe-ipi distill: --steps), or with a larger coefficient of agreement_forces, on "
    "rattled crystals (training/README.md).",
    "A crystal with imaginary frequencies is not stable: train on strained and rattled crystals, and see which expert "
    "it is in the table. Do not simulate before.",
)


def check(subject: Subject) -> Check:
    """Frequencies of both experts."""
    result = Check(
        "phonons",
        "Phonons",
        "Waves cross from one expert to the other without scattering only if both have the same dispersion. Finite "
        "displacements of 0.01 Å in a supercell, each model at its own lattice parameter (phonopy).",
    )
    if subject.config.validation is None:
        result.skipped = NO_CRYSTAL
        return result
    centring = subject.crystal.centring
    if centring is None:
        result.skipped = NOT_CUBIC
        return result
    try:
        import phonopy  # noqa: F401
    except ImportError:
        result.skipped = "phonopy is not installed; pip install 'moe-ipi[validation]'"
        return result
    points, legs = POINTS[centring], path(centring)
    frequencies: dict[str, dict[str, FloatArray]] = {}
    curves: list[Curve] = []
    rows: list[Row] = []
    for name in subject.models:
        calculator = subject.calculator(name)
        model = phonon_model(subject.perfect(name), centring, calculator, 4.0 if subject.quick else 8.0)
        frequencies[name] = {label: frequencies_at(model, q) for label, q in points.items()}
        rows += [(name, label, *(round(float(f), 3) for f in fs)) for label, fs in frequencies[name].items()]
        for leg in legs:
            bands = np.array([frequencies_at(model, q) for q in leg.waves])
            curves += [
                Curve(
                    f"{name}, {'–'.join(leg.ends)}, branch {k + 1}",
                    tuple(map(float, leg.x)),
                    tuple(map(float, bands[:, k])),
                    family=name,
                )
                for k in range(bands.shape[1])
            ]
    edge = [label for label in points if label != "Γ"]
    complex, bulk = (np.array([frequencies[n][label] for label in edge]) for n in ("complex", "bulk"))
    largest, lowest = 100 * float(np.abs(bulk / complex - 1).max()), float(min(bulk.min(), complex.min()))
    judged = not subject.quick
    result.quantities = [
        Quantity("largest difference, bulk / complex - 1", largest, "%", TOLERANCE, judged=judged, remedy=REMEDIES[0]),
        Quantity("lowest frequency", lowest, "THz", LOWEST, minimum=True, judged=judged, remedy=REMEDIES[1]),
    ]
    branches = complex.shape[1]
    columns = ("model", "point", *(f"{k + 1}, THz" for k in range(branches)))
    result.tables.append(Table("Frequencies", columns, tuple(rows)))
    way = ", ".join("–".join(part) for part in PATHS[centring])
    result.plots.append(Plot(f"Dispersion along {way}", "", "frequency, THz", tuple(curves), ticks(legs)))
    return result


def ticks(legs: list[Leg]) -> tuple[tuple[float, str], ...]:
    """Where the points of a path are, and their names; two names where it breaks."""
    found = [(float(legs[0].x[0]), legs[0].ends[0])]
    for leg, following in zip(legs, [*legs[1:], None], strict=True):
        end = leg.ends[1]
        if following is not None and following.ends[0] != end:
            end += f"|{following.ends[0]}"
        found.append((float(leg.x[-1]), end))
    return tuple(found)
