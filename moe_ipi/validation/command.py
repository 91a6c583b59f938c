"""The work behind ``moe-ipi validate``."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

from rich.console import Console

from moe_ipi.models import find_config
from moe_ipi.validation.about import Origins
from moe_ipi.validation.inputs import (
    load_pair,
    other_pair,
    reference_calculator,
    structure_to_simulate,
)
from moe_ipi.validation.labels import read_labels
from moe_ipi.validation.report import OtherPair, collect, require_jinja, write_report
from moe_ipi.validation.result import Check
from moe_ipi.validation.run import COMPARED, chosen_checks, run_checks
from moe_ipi.validation.subject import Subject
from moe_ipi.validation.terminal import Shown, summarise


@dataclass(frozen=True)
class Options:
    """What to measure and how.

    Attributes:
        structure: atoms like those that will be simulated; default: the config's template, else a labelled frame.
        labels: extxyz file with energies (eV) and forces (eV/A); default: ``validation.labels``.
        output: folder of ``report.html`` and ``report.json``.
        only, skip: keys of checks, separated by commas.
        compare: other pairs as ``LABEL=CONFIG``, measured in how well their experts agree.
        reference: the model that made the labels is measured, too, see
            :func:`moe_ipi.validation.inputs.reference_calculator`.
        quick: small cells and short runs.
        device, compile: override the config's ``[compute]``.
    """

    structure: Path | None = None
    labels: Path | None = None
    output: Path = Path("validation")
    only: str | None = None
    skip: str | None = None
    compare: Sequence[str] = ()
    reference: str | None = None
    quick: bool = False
    device: str | None = None
    compile: bool | None = None

    def command(self, config: str | Path) -> str:
        """The command line that says the same."""
        words = ["moe-ipi", "validate", "-c", str(config)]
        named = {"structure": self.structure, "labels": self.labels, "output": self.output, "only": self.only}
        named |= {"skip": self.skip, "reference": self.reference, "device": self.device}
        defaults = {field.name: field.default for field in fields(self)}
        for name, value in named.items():
            if value != defaults[name]:
                words += [f"--{name}", str(value)]
        for pair in self.compare:
            words += ["--compare", pair]
        if self.compile is not None:
            words.append("--compile" if self.compile else "--no-compile")
        return shlex.join([*words, *(["--quick"] if self.quick else [])])


def run_validate(config: str | Path, options: Options | None = None, console: Console | None = None) -> bool:
    """Measure a pair and write the report.

    Args:
        config: a ``moe.toml``, or the name of a shipped pair.
        options: see there.
        console: where progress and summary are shown.

    Returns:
        Whether no check failed.  Ctrl-C ends the measuring; what was measured is reported, and counts as failed.

    Raises:
        MoEError: something that was given cannot be used; nothing is written then.
    """
    options = options or Options()
    console = console or Console()
    keys = chosen_checks(options.only, options.skip)
    require_jinja()
    path = find_config(config)
    chosen = load_pair(path, options.device, options.compile)
    others = [other_pair(text, options.device, options.compile) for text in options.compare]
    labels, mapping = (None, None) if (v := chosen.validation) is None else (v.labels, v.key_mapping)
    frames = read_labels(options.labels or labels, mapping)
    atoms, origin = structure_to_simulate(chosen, options.structure, frames)
    reference = reference_calculator(options.reference) if options.reference else None
    subject = Subject(chosen, atoms, frames, reference=reference, quick=options.quick)
    for species in (atoms.get_chemical_symbols(), subject.crystal.elements if chosen.validation else []):
        subject.potential.with_species(species)  # whatever is wrong with the models is said now
    checks: list[Check] = []
    compared: list[OtherPair] = []
    interrupted = False
    in_common = [key for key in keys if key in COMPARED]
    with Shown(console, len(keys) + len(others) * len(in_common)) as shown:
        try:
            for check in run_checks(subject, shown.begin(keys)):
                checks.append(check)
                shown.end(check)
            for label, other in others:
                second = Subject(other, atoms, [], quick=options.quick)
                compared.append(OtherPair(label, []))
                for check in run_checks(second, shown.begin(in_common, f"{label}: ")):
                    compared[-1].checks.append(check)
                    shown.end(check, f"{label}: ")
        except KeyboardInterrupt:
            interrupted = True
    name = path.resolve().parent.name if path.name == "moe.toml" else path.name
    origins = Origins(options.command(config), str(path), origin, str(labels) if labels else None)
    data = collect(name, subject, checks, compared, origins, interrupted=interrupted)
    html, numbers = write_report(options.output, data, checks, subject)
    summarise(console, checks, data)
    if interrupted:
        console.print("[red]interrupted: the report holds the checks that were finished[/]")
    console.print(f"report: {html}   numbers: {numbers}", soft_wrap=True)
    return bool(data["passed"])
