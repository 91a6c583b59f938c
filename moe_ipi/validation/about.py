"""What was validated, with what and where: what a reader needs to judge the numbers, or to get them again."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np

from moe_ipi.config import RegionsConfig
from moe_ipi.config.rules import RuleConfig
from moe_ipi.threads import threads
from moe_ipi.validation.subject import Subject

_SOFTWARE = ("moe-ipi", "torch", "nequip", "nequip-allegro", "ase", "phonopy", "numpy")

#: Of what rules say.
_UNITS = {"cutoff": " Å", "above": " Å²", "min": " Å", "max": " Å", "tolerance": " eV"}


@dataclass(frozen=True)
class Origins:
    """Where things come from.

    Attributes:
        command: what repeats the validation.
        config: the ``moe.toml``.
        structure: the file of the structure, or which frame it is.
        labels: the file of the labels, if there is one.
    """

    command: str
    config: str
    structure: str
    labels: str | None = None


def about(subject: Subject, origins: Origins) -> dict[str, str | list[str]]:
    """Sentences under a heading each, in the order in which they are shown."""
    regions, compute = subject.config.regions, subject.config.compute
    mask = subject.assignment(subject.structure)
    return {
        "command": origins.command,
        "config": origins.config,
        "structure": f"{_formula(subject)}; {origins.structure}",
        "cell": _cell(subject),
        "regions": [*map(rule_text, regions.rules), growth_text(regions)],
        "assignment": f"{int(mask.sum())} of {len(mask)} atoms of the structure are complex by these rules",
        "labels": _labels(subject, origins.labels),
        "crystal": _crystal(subject),
        "computed": f"on {compute.device}, experts {'compiled' if compute.compile else 'not compiled'}, "
        f"{threads()} thread{'s' if threads() > 1 else ''}"
        + (f"; quick: small cells and short runs, seed {subject.seed}" if subject.quick else f"; seed {subject.seed}"),
        "machine": machine(compute.device),
        "versions": ", ".join(versions()),
    }


def rule_text(rule: RuleConfig) -> str:
    """A rule as one line, in the words of ``moe.toml``."""
    given = rule.model_dump(exclude={"type"}, exclude_defaults=True)
    words = [
        f"{'' if key == rule.type else f'{key} '}{_value(value)}{_UNITS.get(key, '')}" for key, value in given.items()
    ]
    return f"{rule.type}: {', '.join(words)}"


def growth_text(regions: RegionsConfig) -> str:
    """How seeds grow, as one line."""
    if not regions.rules:
        return "no rules: every atom is bulk"
    text = f"atoms within {regions.inner:g} Å of a seed become complex"
    if regions.outer > regions.inner:
        text += f", and stay so within {regions.outer:g} Å"
    return text + (f", for {regions.dwell} segments at least" if regions.dwell else "")


def versions() -> list[str]:
    """Python and the packages that numbers depend on."""
    found = [f"Python {platform.python_version()}"]
    for package in _SOFTWARE:
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            continue  # phonopy is optional
    return found


def machine(device: str) -> str:
    """Processor and its cores, the GPU if it computes, and the system."""
    parts = [f"{processor()}, {os.cpu_count()} cores"]
    if device.startswith("cuda"):
        import torch

        parts.append(torch.cuda.get_device_name(device))
    return "; ".join([*parts, f"{platform.system()} {platform.machine()}"])


def processor() -> str:
    """The name of the processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or "unknown processor"


def _formula(subject: Subject) -> str:
    return f"{len(subject.structure)} atoms, {subject.structure.get_chemical_formula()}"


def _cell(subject: Subject) -> str:
    lengths, angles = np.split(subject.structure.cell.cellpar(), 2)
    text = " × ".join(f"{length:.2f}" for length in lengths) + " Å"
    if np.abs(angles - 90).max() > 0.01:
        text += ", angles " + ", ".join(f"{angle:.1f}°" for angle in angles)
    along = [axis for axis, periodic in zip("abc", subject.structure.pbc, strict=True) if periodic]
    return f"{text}; periodic along {', '.join(along)}" if along else f"{text}; not periodic"


def _labels(subject: Subject, file: str | None) -> str:
    if not subject.labels:
        return "none"
    return f"{len(subject.labels)} frames, {sum(map(len, subject.labels))} atoms; {file or 'given as frames'}"


def _crystal(subject: Subject) -> str:
    if subject.config.validation is None:
        return "none: the config has no [validation] table"
    return subject.crystal.name


def _value(value: object) -> str:
    if isinstance(value, (list, tuple)):
        return ", ".join(map(_value, value))
    return f"{value:g}" if isinstance(value, float) else {True: "yes", False: "no"}.get(value, str(value))  # type: ignore[call-overload]
