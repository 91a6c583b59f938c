"""What ``moe-ipi validate`` was given, read before anything is measured."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

from ase import Atoms
from ase.calculators.calculator import Calculator

from moe_ipi.config import Config, RegionsConfig, load_config
from moe_ipi.errors import ConfigError, MoEError
from moe_ipi.frames import frames_of
from moe_ipi.models import find_config
from moe_ipi.regions.partitioner import Partitioner
from moe_ipi.structure import read_template


def load_pair(path: Path, device: str | None, compile: bool | None) -> Config:
    """The config of a pair, with its ``[compute]`` overridden."""
    config = load_config(path)
    given = {key: value for key, value in (("device", device), ("compile", compile)) if value is not None}
    return config.model_copy(update={"compute": config.compute.model_copy(update=given)})


def other_pair(text: str, device: str | None, compile: bool | None) -> tuple[str, Config]:
    """``LABEL=CONFIG`` as label and config."""
    label, separator, path = text.partition("=")
    if not (label and separator and path):
        raise ConfigError(f"--compare needs LABEL=CONFIG, not '{text}'")
    return label, load_pair(find_config(path), device, compile)


def structure_to_simulate(config: Config, path: Path | None, frames: list[Atoms]) -> tuple[Atoms, str]:
    """Atoms like those that will be simulated, and where they are from.

    They are those of the file, of the config's template, or the first labelled frame with a region.
    """
    path = path or config.template
    if path is not None:
        return read_template(path), str(path)
    if frames and config.regions.needs_disagreement:
        return Atoms(frames[0]), "frame 0 (counted from 0) of the labels"
    number = first_with_region(config.regions, frames)
    if number is not None:
        return Atoms(frames[number]), f"frame {number} (counted from 0) of the labels, the first with a complex region"
    raise ConfigError("no structure is known to be simulated; give --structure FILE, or 'template' in the config")


def first_with_region(regions: RegionsConfig, frames: Sequence[Atoms]) -> int | None:
    """Number of the first of some frames in which rules that need no experts make an atom complex."""
    for number, frame in enumerate(frames):
        if Partitioner(regions, frame.get_chemical_symbols()).assign_frames(frames_of(frame)).any():
            return number
    return None


def reference_calculator(text: str) -> Calculator:
    """The model that made the labels.

    Args:
        text: ``MODULE:FUNCTION`` or ``FILE.py:FUNCTION``; the function takes nothing and returns an ASE calculator.

    Raises:
        ConfigError: there is no such module, file or function.
        MoEError: the function fails, for example because its package is not installed.
    """
    place, separator, name = text.rpartition(":")
    if not (separator and place and name):
        raise ConfigError(f"--reference needs MODULE:FUNCTION or FILE.py:FUNCTION, not '{text}'")
    try:
        factory = getattr(_module(place), name)
    except (ImportError, OSError, AttributeError) as error:
        raise ConfigError(f"--reference {text}: {error}") from error
    try:
        calculator: Calculator = factory()
    except Exception as error:
        reason = " ".join(str(error).split()) or "no message"
        raise MoEError(f"--reference {text}: {type(error).__name__}: {reason}") from error
    return calculator


def _module(place: str) -> ModuleType:
    if not place.endswith(".py"):
        return importlib.import_module(place)
    path = Path(place).resolve()
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None or not path.is_file():
        raise ImportError(f"there is no file '{place}'")
    module = importlib.util.module_from_spec(spec)
    # As when a script runs: it finds the modules beside it.
    sys.path.insert(0, str(path.parent))
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(path.parent))
    return module
