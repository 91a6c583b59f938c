"""The work behind ``moe-ipi validate``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from moe_ipi.models import find_config
from moe_ipi.validation.inputs import (
    load_pair,
    other_pair,
    reference_calculator,
    structure_to_simulate,
)
from moe_ipi.validation.labels import read_labels
from moe_ipi.validation.report import OtherPair, collect, require_jinja, short, write_report
from moe_ipi.validation.result import Check
from moe_ipi.validation.run import COMPARED, chosen_checks, run_checks
from moe_ipi.validation.subject import Subject


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
    atoms = structure_to_simulate(chosen, options.structure, frames)
    reference = reference_calculator(options.reference) if options.reference else None
    subject = Subject(chosen, atoms, frames, reference=reference, quick=options.quick)
    subject.potential.with_species(atoms.get_chemical_symbols())  # whatever is wrong with the models is said now
    checks: list[Check] = []
    compared: list[OtherPair] = []
    interrupted = False
    in_common = [key for key in keys if key in COMPARED]
    with _progress(console) as progress:
        task = progress.add_task("", total=len(keys) + len(others) * len(in_common))

        def titled(names: Iterable[str], prefix: str = "") -> Iterator[str]:
            for name in names:
                progress.update(task, description=f"{prefix}{name}")
                yield name
                progress.advance(task)

        try:
            for check in run_checks(subject, titled(keys)):
                checks.append(check)
            for label, other in others:
                second = Subject(other, atoms, [], quick=options.quick)
                compared.append(OtherPair(label, []))
                for check in run_checks(second, titled(in_common, f"{label}: ")):
                    compared[-1].checks.append(check)
        except KeyboardInterrupt:
            interrupted = True
    name = path.resolve().parent.name if path.name == "moe.toml" else path.name
    data = collect(name, subject, checks, compared)
    if interrupted:
        data["passed"] = False
    html, numbers = write_report(options.output, data, checks, subject)
    _summarise(console, checks, data)
    if interrupted:
        console.print("[red]interrupted: the report holds the checks that were finished[/]")
    console.print(f"report: {html}   numbers: {numbers}", soft_wrap=True)
    return bool(data["passed"])


def _progress(console: Console) -> Progress:
    columns = (TextColumn("{task.description:<20}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=console, transient=True)


def _summarise(console: Console, checks: list[Check], data: dict[str, Any]) -> None:
    table = Table()
    table.add_column("check")
    table.add_column("quantity")
    table.add_column("value", justify="right")
    table.add_column("tolerance", justify="right")
    table.add_column("")
    colors = {"pass": "green", "FAIL": "red", "not judged": "yellow", "info": "dim"}
    for check in checks:
        reason = check.error or check.skipped
        if reason:
            what, color = ("error", "red") if check.error else ("not made", "dim")
            table.add_row(check.key, f"{what}: {reason}", "", "", f"[{color}]{'FAIL' if check.error else 'info'}[/]")
        for k, q in enumerate(check.quantities):
            limit = "" if q.tolerance is None else f"{'>=' if q.minimum else '<='} {short(q.tolerance)}"
            value = f"{short(q.value)} {q.unit}".strip()
            table.add_row("" if k else check.key, q.name, value, limit, f"[{colors[q.verdict]}]{q.verdict}[/]")
    console.print(table)
    unjudged = sum(q.verdict == "not judged" for check in checks for q in check.quantities)
    if unjudged:
        console.print(f"{unjudged} not judged: small cells and short runs say nothing about them; run without --quick")
    for row in data["comparison"]:
        for other, pair in zip(row["others"], data["compare"], strict=True):
            if other["ratio"] is not None:
                console.print(
                    f"{row['name']}: {pair['label']} {short(other['value'])} {row['unit']}, "
                    f"{short(other['ratio'])} times this pair's",
                    highlight=False,
                )
