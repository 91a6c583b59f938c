"""Frames on which the experts disagree most, kept for labelling: ``PREFIX.moe_harvest.extxyz``.

Nothing is evaluated for it: the rules of type ``agreement``, the draws and the monitor have asked the experts already.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from io import StringIO
from pathlib import Path

import ase.io
import numpy as np
from ase import Atoms
from ase.io.extxyz import write_extxyz
from ipi.engine.simulation import Simulation
from ipi.utils.io import open_backup

from moe_ipi.cell import fractional
from moe_ipi.config import Config, HarvestConfig
from moe_ipi.elements import element_symbols
from moe_ipi.errors import ConfigError, MoEError
from moe_ipi.frames import PERIODIC
from moe_ipi.nearest import nearest_distances
from moe_ipi.plugin.asked import Asked
from moe_ipi.plugin.outputs import Trimmer
from moe_ipi.typing import BoolArray, FloatArray

#: A: atoms this close to one on which the experts disagree are its neighbours, when frames are compared.
_NEIGHBORS = 4.0


class HarvestError(MoEError):
    """The file of kept frames cannot be read or written."""


def check_harvest(config: Config, asks: bool) -> None:
    """Whether anything can ever be kept.

    Args:
        config: of a run whose assignment is updated.
        asks: whether the update asks the experts.

    Raises:
        ConfigError: a threshold is given for what nobody asks.
    """
    harvest = config.harvest
    if harvest is not None and harvest.energy_threshold is not None and not asks:
        raise ConfigError(
            "harvest.energy_threshold is given, but nothing asks the experts for energies: add a rule of type "
            "'agreement', use reassignment = \"gibbs\", or give force_threshold and segments.monitor instead"
        )
    if harvest is not None and harvest.force_threshold is not None and not config.segments.monitor:
        raise ConfigError(
            "harvest.force_threshold is given, but segments.monitor is 0: set it, or remove the threshold"
        )


class Harvest:
    """Keeps a frame if the experts disagree on one of its atoms, and none like it was kept.

    The file holds whole frames at any time, also after a kill: it is written anew beside, then moved into place.  A
    new run keeps an old file as i-PI keeps its outputs; a continued one goes on with the frames up to its checkpoint,
    and keeps what is beyond them beside, as i-PI's own files are treated.

    Args:
        config: what is kept.
        simulation: bound.
        note: shows a line to the user.
        continued: whether the run goes on from a checkpoint, be it one of step 0.

    Raises:
        HarvestError: the file cannot be read or written.
    """

    def __init__(
        self, config: HarvestConfig, simulation: Simulation, note: Callable[[str], None], *, continued: bool
    ) -> None:
        self._config = config
        self._note = note
        self._species = element_symbols(simulation.syslist[0].beads.names)
        self._path = Path(f"{simulation.outtemplate.prefix or 'moe-ipi'}.moe_harvest.extxyz")
        #: (N, 3) fractional coordinates of each kept frame.
        self._kept: list[FloatArray] = []
        #: By the system: the step of the last frame that was kept.
        self._last: dict[int, int] = {}
        self._told = False
        if not self._path.exists():
            return
        try:
            if continued:
                Trimmer(simulation.step, note)(self._path)
                self._resume()
            else:
                open_backup(str(self._path), "w").close()
                self._path.unlink()
        except OSError as error:
            raise self._unusable("write", error) from error

    def offer(self, asked: Sequence[Asked], step: int, segment: int, assignment: BoolArray) -> None:
        """Keep what is worth it, the worst first.

        Args:
            asked: structures of one step.
            step: number of steps done.
            segment: that begins at this step.
            assignment: (N,) its.

        Raises:
            HarvestError: the file cannot be written.
        """
        text = StringIO()
        for each in sorted(asked, key=self._excess, reverse=True):
            if self._excess(each) <= 1.0 or len(self._kept) >= self._config.limit:
                break
            if self._is_new(each, step):
                self._remember(each.positions, each.cell, each.system, step)
                write_extxyz(text, [_atoms(each, self._species, step, segment, assignment)])
        if text.tell():
            self._append(text.getvalue())
            if not self._told:
                self._told = True
                self._note(f"step {step}: the experts disagree; such frames are kept in {self._path.name}")
            if len(self._kept) == self._config.limit:
                self._note(
                    f"step {step}: {self._path.name} has {self._config.limit} frames (harvest.limit), and gets no more"
                )

    def _threshold(self, asked: Asked) -> float:
        forces = asked.source == "monitor"
        threshold = self._config.force_threshold if forces else self._config.energy_threshold
        return np.inf if threshold is None else threshold

    def _excess(self, asked: Asked) -> float:
        """The largest disagreement over the threshold."""
        return float(np.nanmax(asked.disagreement, initial=0.0)) / self._threshold(asked)

    def _is_new(self, asked: Asked, step: int) -> bool:
        last = self._last.get(asked.system)
        if last is not None and step - last < self._config.min_steps:
            return False
        if not self._kept:
            return True
        # A comparison with NaN is false.
        doubtful = asked.disagreement > self._threshold(asked)
        near = nearest_distances(asked.positions, asked.cell, PERIODIC, doubtful, _NEIGHBORS) <= _NEIGHBORS
        here = fractional(asked.positions, asked.cell)[near]
        moved = np.stack([here - kept[near] for kept in self._kept])
        # The nearest image, if it is near; and if it is not, the atom has moved far.
        moved = (moved - np.round(moved)) @ asked.cell
        return bool(np.linalg.norm(moved, axis=2).max(axis=1).min() > self._config.min_distance)

    def _remember(self, positions: FloatArray, cell: FloatArray, system: int, step: int) -> None:
        self._kept.append(fractional(positions, cell))
        self._last[system] = step

    def _resume(self) -> None:
        if self._path.stat().st_size == 0:
            self._path.unlink()
            return
        try:
            for atoms in ase.io.iread(self._path, ":", format="extxyz"):
                if atoms.get_chemical_symbols() != self._species:
                    raise ValueError("it is of other atoms")
                system, step = int(atoms.info["system"]), int(atoms.info["step"])
                self._remember(atoms.positions, atoms.cell.array, system, step)
        except OSError:
            raise
        except Exception as error:
            raise self._unusable("read", error) from error

    def _append(self, text: str) -> None:
        part = self._path.with_name(f"{self._path.name}.partial")
        try:
            with part.open("wb") as out:
                if self._path.exists():
                    with self._path.open("rb") as file:
                        shutil.copyfileobj(file, out)
                out.write(text.encode())
                out.flush()
                os.fsync(out.fileno())
            os.replace(part, self._path)
        except OSError as error:
            raise self._unusable("write", error) from error

    def _unusable(self, what: str, error: Exception) -> HarvestError:
        reason = (error.strerror if isinstance(error, OSError) else None) or error
        return HarvestError(
            f"cannot {what} '{self._path}': {reason}; move it away, or remove [harvest] from the config"
        )


def _atoms(asked: Asked, species: Sequence[str], step: int, segment: int, assignment: BoolArray) -> Atoms:
    atoms = Atoms(species, positions=asked.positions, cell=asked.cell, pbc=PERIODIC)
    atoms.set_array("expert", assignment.astype(np.int64))
    atoms.set_array("force_disagreement" if asked.source == "monitor" else "disagreement", asked.disagreement)
    atoms.info = {
        "step": step,
        "segment": segment,
        "system": asked.system,
        "bead": asked.bead,
        "nbeads": asked.nbeads,
        "source": asked.source,
        "largest": float(np.nanmax(asked.disagreement)),
    }
    return atoms
