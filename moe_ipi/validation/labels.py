"""Reference labels, under the names that the code which made them gave them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import read

from moe_ipi.errors import StructureError
from moe_ipi.labels import quantities

#: What a frame must have.
_NEEDED = ("energy", "forces")


def read_labels(path: Path | None, key_mapping: Mapping[str, str] | None = None) -> list[Atoms]:
    """Frames with energies (eV) and forces (eV/A), as ASE's results.

    Args:
        path: any file that ASE reads; without one there are no frames.
        key_mapping: the file's names to ``energy`` and ``forces``, such as ``{"REF_energy": "energy"}``.

    Raises:
        StructureError: the file cannot be read, or a frame has no energy or no forces: the keys that it has are named.
    """
    if path is None:
        return []
    try:
        frames = read(path, index=":")
    except OSError as error:
        raise StructureError(f"cannot read the labels '{path}': {error.strerror or error}") from error
    except Exception as error:
        raise StructureError(
            f"the labels '{path}' cannot be used: {' '.join(str(error).split())}; "
            "give an extxyz file whose frames have energy and forces"
        ) from error
    assert isinstance(frames, list)
    return [_labelled(frame, key_mapping or {}, f"frame {k} of '{path}'") for k, frame in enumerate(frames)]


def _labelled(frame: Atoms, key_mapping: Mapping[str, str], what: str) -> Atoms:
    own = dict(frame.calc.results) if frame.calc is not None else {}
    there = quantities(frame)
    results = {**own, **{name: there[key] for key, name in key_mapping.items() if key in there}}
    missing = [name for name in _NEEDED if name not in results]
    if missing:
        found = ", ".join(sorted(there)) or "none of any name"
        raise StructureError(
            f"{what} has no {' and no '.join(missing)}; it has {found}: say which "
            'is which in [validation], such as key_mapping = { REF_energy = "energy", REF_forces = "forces" }'
        )
    try:
        energy, forces = float(results["energy"]), np.array(results["forces"], np.float64).reshape(len(frame), 3)
    except (TypeError, ValueError) as error:
        raise StructureError(f"{what}: energy or forces are not numbers of its {len(frame)} atoms ({error})") from error
    if not (np.isfinite(energy) and np.isfinite(forces).all()):
        raise StructureError(f"{what}: energy or forces are not finite; remove the frame")
    labelled: Atoms = frame.copy()
    labelled.calc = SinglePointCalculator(labelled, **{**own, "energy": energy, "forces": forces})
    return labelled
