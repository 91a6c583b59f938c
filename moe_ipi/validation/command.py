"""The work behind ``moe-ipi validate``."""

from __future__ import annotations

from pathlib import Path

from ase import Atoms
from ase.calculators.calculator import Calculator
from ase.io import read
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from moe_ipi.config import Config, load_config
from moe_ipi.errors import ConfigError, MoEError, StructureError
from moe_ipi.models import find_config
from moe_ipi.regions.partitioner import Partitioner
from moe_ipi.structure import read_template
from moe_ipi.validation.report import OtherPair, collect, require_jinja, short, write_report
from moe_ipi.validation.result import Check
from moe_ipi.validation.run import COMPARED, chosen_checks, run_checks
from moe_ipi.validation.subject import Subject


def run_validate(
    config: str,
    *,
    structure: Path | None = None,
    labels: Path | None = None,
    output: Path = Path("validation"),
    only: str | None = None,
    skip: str | None = None,
    compare: list[str] | None = None,
    reference: bool = False,
    quick: bool = False,
    device: str | None = None,
    compile: bool | None = None,
    console: Console | None = None,
) -> bool:
    """Measure a pair and write the report.

    Args:
        config: a ``moe.toml``, or the name of a shipped pair.
        structure: atoms like those that will be simulated; default: the config's template, else a labelled frame.
        labels: extxyz file with energies (eV) and forces (eV/A); default: ``validation.labels``.
        output: folder of ``report.html`` and ``report.json``.
        only, skip: keys of checks, separated by commas.
        compare: other pairs as ``LABEL=CONFIG``, measured in how well their experts agree.
        reference: also measure the teacher of the shipped pair, SevenNet-l3i5.
        quick: small cells and short runs.
        device, compile: override the config's ``[compute]``.

    Returns:
        Whether no check failed.  Ctrl-C ends the measuring; what was measured is reported, and counts as failed.

    Raises:
        MoEError: something that was given cannot be used; nothing is written then.
    """
    console = console or Console()
    keys = chosen_checks(only, skip)
    require_jinja()
    path = find_config(config)
    chosen = _load(path, device, compile)
    others = [_other(text, device, compile) for text in compare or ()]
    frames = _read_labels(labels or (chosen.validation.labels if chosen.validation else None))
    atoms = _structure(chosen, structure, frames)
    teacher = _teacher() if reference else None
    subject = Subject(chosen, atoms, frames, reference=teacher, quick=quick)
    subject.potential.with_species(atoms.get_chemical_symbols())  # whatever is wrong with the models is said now
    checks: list[Check] = []
    compared: list[OtherPair] = []
    interrupted = False
    in_common = [key for key in keys if key in COMPARED]
    with _progress(console) as progress:
        task = progress.add_task("", total=len(keys) + len(others) * len(in_common))

        def titled(names, prefix=""):
            for name in names:
                progress.update(task, description=f"{prefix}{name}")
                yield name
                progress.advance(task)

        try:
            for check in run_checks(subject, titled(keys)):
                checks.append(check)
            for label, other in others:
                second = Subject(other, atoms, [], quick=quick)
                compared.append(OtherPair(label, []))
                for check in run_checks(second, titled(in_common, f"{label}: ")):
                    compared[-1].checks.append(check)
        except KeyboardInterrupt:
            interrupted = True
    name = path.resolve().parent.name if path.name == "moe.toml" else path.name
    data = collect(name, subject, checks, compared)
    if interrupted:
        data["passed"] = False
    html, numbers = write_report(output, data, checks, subject)
    _summarise(console, checks, data)
    if interrupted:
        console.print("[red]interrupted: the report holds the checks that were finished[/]")
    console.print(f"report: {html}   numbers: {numbers}", soft_wrap=True)
    return bool(data["passed"])


def _load(path: Path, device: str | None, compile: bool | None) -> Config:
    config = load_config(path)
    given = {key: value for key, value in (("device", device), ("compile", compile)) if value is not None}
    return config.model_copy(update={"compute": config.compute.model_copy(update=given)})


def _other(text: str, device: str | None, compile: bool | None) -> tuple[str, Config]:
    label, separator, path = text.partition("=")
    if not (label and separator and path):
        raise ConfigError(f"--compare needs LABEL=CONFIG, not '{text}'")
    return label, _load(find_config(path), device, compile)


def _read_labels(path: Path | None) -> list[Atoms]:
    if path is None:
        return []
    try:
        frames = read(path, index=":")
        for frame in frames:
            frame.get_potential_energy(), frame.get_forces()
    except OSError as error:
        raise StructureError(f"cannot read the labels '{path}': {error.strerror or error}") from None
    except Exception as error:
        raise StructureError(
            f"the labels '{path}' cannot be used: {' '.join(str(error).split())}; "
            "give an extxyz file whose frames have energy and forces"
        ) from None
    return frames


def _structure(config: Config, path: Path | None, frames: list[Atoms]) -> Atoms:
    path = path or config.template
    if path is not None:
        return read_template(path)
    for frame in frames:
        if config.regions.needs_disagreement:
            return frame.copy()
        partitioner = Partitioner(config.regions, frame.get_chemical_symbols())
        if partitioner.assign(frame.positions, frame.cell.array, frame.pbc).any():
            return frame.copy()
    raise ConfigError("no structure is known to be simulated; give --structure FILE, or 'template' in the config")


def _teacher() -> Calculator:
    try:
        from sevenn.calculator import SevenNetCalculator
    except ImportError:
        raise MoEError("--reference needs SevenNet; pip install --no-deps sevenn (see training/pt_co)") from None
    return SevenNetCalculator("7net-l3i5", device="cpu")


def _progress(console: Console) -> Progress:
    columns = (TextColumn("{task.description:<20}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=console, transient=True)


def _summarise(console: Console, checks: list[Check], data: dict) -> None:
    table = Table()
    for column, justify in (("check", "left"), ("quantity", "left"), ("value", "right"), ("tolerance", "right")):
        table.add_column(column, justify=justify)
    table.add_column("")
    verdicts = {True: "[green]pass[/]", False: "[red]FAIL[/]", None: "[dim]info[/]"}
    for check in checks:
        reason = check.error or check.skipped
        if reason:
            table.add_row(
                check.key, f"{'error' if check.error else 'not made'}: {reason}", "", "", verdicts[check.passed]
            )
        for k, q in enumerate(check.quantities):
            limit = "" if q.tolerance is None else f"{'>=' if q.minimum else '<='} {short(q.tolerance)}"
            value = f"{short(q.value)} {q.unit}".strip()
            table.add_row("" if k else check.key, q.name, value, limit, verdicts[q.passed])
    console.print(table)
    for row in data["comparison"]:
        for other, pair in zip(row["others"], data["compare"], strict=True):
            if other["ratio"] is not None:
                console.print(
                    f"{row['name']}: {pair['label']} {short(other['value'])} {row['unit']}, "
                    f"{short(other['ratio'])} times this pair's",
                    highlight=False,
                )
