"""Runs whose assignment changes all the time, and what they leave."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from moe_ipi.ledger import Line, read_ledger
from moe_ipi.units import BOHR, HARTREE_PER_BOHR
from tests.helpers import inputs
from tests.helpers.case import Case


def write_input(
    case: Case,
    *,
    steps: int,
    beads: int = 1,
    stride: int | None = 10,
    ensemble: str = "nvt",
    timestep: float = 1.0,
    temperature: float = 900.0,
    options: str = "",
    properties: str = "",
) -> Path:
    """An input with positions, momenta and forces of every bead in full precision, and checkpoints ``out.chk_N``."""
    thermostat = [inputs.thermostat("pile_g" if beads > 1 else "langevin", 50)] if ensemble == "nvt" else []
    motion = inputs.dynamics(ensemble, timestep, *thermostat)
    return case.write(
        inputs.simulation(
            inputs.system(motion, beads=beads, temperature=temperature),
            fields=case.ffsocket(options=options),
            steps=steps,
            properties=f"step, conserved{{electronvolt}}, potential{{electronvolt}}{properties}",
            extras="moe_assignment",
            checkpoint=stride,
        )
    )


def ledger(folder: Path, prefix: str = "out") -> list[Line]:
    """The lines of the ledger."""
    return read_ledger(folder / f"{prefix}.moe_ledger")


def properties(folder: Path) -> np.ndarray:
    """(steps + 1, columns) what i-PI printed."""
    return np.loadtxt(folder / "out.props", ndmin=2)


def assignments(folder: Path, name: str = "out.moe_0") -> np.ndarray:
    """(steps + 1, N) the assignment of every step, as the drivers returned it."""
    return np.array([line.split() for line in (folder / name).read_text().splitlines()[1::2]], float)


def check_every_frame(case: Case, beads: int = 1) -> None:
    """Every energy and force that i-PI has is that of its positions under the assignment of its segment."""
    lines = ledger(case.folder)
    printed = properties(case.folder)
    natoms, frames = len(case.atoms), len(printed)
    potential = case.potential()
    positions, forces = (case.frames(name, beads, frames) for name in ("pos", "for"))
    returned = [assignments(case.folder, case.bead_file("moe", b, beads).name) for b in range(beads)]
    cells = np.repeat(case.atoms.cell.array[None], beads, axis=0)
    mask, entries = np.zeros(natoms, bool), iter(lines)
    entry = next(entries)
    for k in range(frames):
        while entry is not None and entry.step == k:
            mask[list(entry.joined)] = True
            mask[list(entry.left)] = False
            assert mask.sum() == entry.n_complex
            entry = next(entries, None)
        for rows in returned:
            np.testing.assert_array_equal(rows[k], mask)
        direct = potential.evaluate(positions[k] * BOHR, cells, mask)
        np.testing.assert_allclose(printed[k, 2], direct.energies.mean(), rtol=1e-10)
        error = abs(forces[k] * HARTREE_PER_BOHR - direct.forces).max()
        assert error < 1e-9, f"step {k}: {error}"
    assert entry is None
