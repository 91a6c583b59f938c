"""Phonons at a few points, by finite displacements."""

from __future__ import annotations

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator

from moe_ipi.validation.crystal import NO_CRYSTAL
from moe_ipi.validation.result import Check, Curve, Plot, Quantity, Table
from moe_ipi.validation.subject import Subject

#: Largest relative difference of a frequency, bulk against complex (%), and lowest frequency (THz).
TOLERANCE, LOWEST = 5.0, -0.05
#: Points of the primitive reciprocal cell (fractions of its vectors), for fcc and diamond, and for bcc.
_FCC = {"G": (0, 0, 0), "X": (0.5, 0, 0.5), "W": (0.5, 0.25, 0.75), "K": (0.375, 0.375, 0.75), "L": (0.5, 0.5, 0.5)}
_BCC = {"G": (0, 0, 0), "H": (0.5, -0.5, 0.5), "N": (0, 0, 0.5), "P": (0.25, 0.25, 0.25)}
POINTS = {"fcc": _FCC, "diamond": _FCC, "bcc": _BCC}
PATHS = {"fcc": "XGL", "diamond": "XGL", "bcc": "HGN"}


def check(subject: Subject) -> Check:
    """Frequencies of both experts."""
    result = Check(
        "phonons",
        "Phonons",
        "Waves cross from one expert to the other without scattering only if both have the same dispersion. Finite "
        "displacements of 0.01 A in a supercell, each model at its own lattice parameter (phonopy).",
    )
    if subject.config.validation is None:
        result.skipped = NO_CRYSTAL
        return result
    try:
        import phonopy  # noqa: F401
    except ImportError:
        result.skipped = "phonopy is not installed; pip install 'moe-ipi[validation]'"
        return result
    lattice = subject.config.validation.lattice
    points, path = POINTS[lattice], _path(lattice)
    frequencies, curves, rows = {}, [], []
    for name in subject.models:
        calculator = subject.calculator(name)
        a = subject.fit(name).lattice_parameter
        model = phonon_model(subject.crystal(a, cubic=False), calculator, 2 if subject.quick else 4)
        frequencies[name] = {label: frequencies_at(model, q) for label, q in points.items()}
        rows += [(name, label, *(round(float(f), 3) for f in fs)) for label, fs in frequencies[name].items()]
        bands = np.array([frequencies_at(model, q) for q in path[1]])
        curves += [
            Curve(f"{name}, branch {k + 1}", tuple(path[0]), tuple(map(float, bands[:, k])), family=name)
            for k in range(bands.shape[1])
        ]
    edge = [label for label in points if label != "G"]
    complex, bulk = (np.array([frequencies[n][label] for label in edge]) for n in ("complex", "bulk"))
    result.quantities = [
        Quantity(
            "largest difference, bulk / complex - 1", 100 * float(np.abs(bulk / complex - 1).max()), "%", TOLERANCE
        ),
        Quantity("lowest frequency", float(min(bulk.min(), complex.min())), "THz", LOWEST, minimum=True),
    ]
    branches = complex.shape[1]
    columns = ("model", "point", *(f"{k + 1}, THz" for k in range(branches)))
    result.tables.append(Table("Frequencies", columns, tuple(rows)))
    labels = "-".join(PATHS[lattice])
    result.plots.append(Plot(f"Dispersion {labels}", f"wave vector along {labels}", "frequency, THz", tuple(curves)))
    return result


def phonon_model(primitive: Atoms, calculator: Calculator, repeat: int):
    """Force constants of a supercell of ``repeat`` primitive cells along each axis, as a ``phonopy.Phonopy``."""
    from phonopy import Phonopy
    from phonopy.structure.atoms import PhonopyAtoms

    unit = PhonopyAtoms(
        symbols=primitive.get_chemical_symbols(),
        cell=primitive.cell.array,
        scaled_positions=primitive.get_scaled_positions(),
    )
    model = Phonopy(unit, supercell_matrix=repeat * np.eye(3, dtype=int), primitive_matrix=np.eye(3))
    model.generate_displacements(distance=0.01)
    forces = []
    for cell in model.supercells_with_displacements:
        atoms = Atoms(cell.symbols, cell=cell.cell, scaled_positions=cell.scaled_positions, pbc=True)
        atoms.calc = calculator
        forces.append(atoms.get_forces())
    model.forces = np.array(forces)
    model.produce_force_constants()
    model.symmetrize_force_constants()
    return model


def frequencies_at(model, q: tuple[float, float, float]) -> np.ndarray:
    """(branches,) THz at a wave vector in fractions of the primitive reciprocal cell; imaginary ones negative."""
    model.run_qpoints([q])
    if hasattr(model, "get_qpoints_dict"):
        return np.array(model.get_qpoints_dict()["frequencies"][0])
    return np.array(model.qpoints.frequencies[0])


def _path(lattice: str, points: int = 21) -> tuple[list[float], list[tuple[float, float, float]]]:
    """Abscissae (0 to 2) and wave vectors of the path."""
    ends = [np.array(POINTS[lattice][label], float) for label in PATHS[lattice]]
    x, qs = [], []
    for k in range(2):
        for t in np.linspace(0, 1, points)[(k > 0) :]:
            x.append(float(k + t))
            qs.append(tuple((1 - t) * ends[k] + t * ends[k + 1]))
    return x, qs
