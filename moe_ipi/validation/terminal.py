"""What ``moe-ipi validate`` shows while it measures, and at its end."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from moe_ipi.validation.report import short
from moe_ipi.validation.result import Check
from moe_ipi.validation.verdict import QUICK


class Shown:
    """A progress bar on a terminal; elsewhere (a pipe, a log file) a line for each check that is done."""

    def __init__(self, console: Console, total: int) -> None:
        self._console, self._total, self._done = console, total, 0
        columns = (TextColumn("{task.description:<20}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        self._bar = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
        self._task = self._bar.add_task("", total=total)

    def __enter__(self) -> Shown:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def begin(self, keys: Iterable[str], prefix: str = "") -> Iterator[str]:
        """Hand on keys of checks, and show which is being made."""
        for key in keys:
            self._bar.update(self._task, description=f"{prefix}{key}")
            yield key

    def end(self, check: Check, prefix: str = "") -> None:
        """A check is done."""
        self._done += 1
        self._bar.advance(self._task)
        if not self._console.is_terminal:
            line = f"{self._done}/{self._total} {prefix}{check.key}: {_outcome(check)} ({check.seconds:.1f} s)"
            self._console.print(line, markup=False, highlight=False, soft_wrap=True)


def _outcome(check: Check) -> str:
    if check.skipped is not None:
        return "not made"
    verdicts = [q.verdict for q in check.quantities]
    if check.passed is None:
        return "not judged" if "not judged" in verdicts else "info"
    return "pass" if check.passed else "FAIL"


def summarise(console: Console, checks: list[Check], data: dict[str, Any]) -> None:
    """The numbers as a table, what helps where one fails, and the verdict.

    Args:
        console: where.
        checks: what was found.
        data: of :func:`moe_ipi.validation.report.collect`.
    """
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
            said = escape(f"{what}: {reason}")
            table.add_row(check.key, said, "", "", f"[{color}]{'FAIL' if check.error else 'info'}[/]")
        for k, q in enumerate(check.quantities):
            limit = "" if q.tolerance is None else f"{'>=' if q.minimum else '<='} {short(q.tolerance)}"
            value = f"{short(q.value)} {_encodable(q.unit, console)}".strip()
            table.add_row("" if k else check.key, q.name, value, limit, f"[{colors[q.verdict]}]{q.verdict}[/]")
    console.print(table)
    for helps in data["verdict"]["remedies"]:
        names = "; ".join(entry["name"] for entry in helps["failed"])
        console.print(f"FAIL {names}: {helps['remedy']}", markup=False, highlight=False)
    unjudged = len(data["verdict"]["not_judged"])
    if unjudged:
        console.print(f"{unjudged} not judged: {QUICK}")
    for row in data["comparison"]:
        for other, pair in zip(row["others"], data["compare"], strict=True):
            if other["ratio"] is not None:
                console.print(
                    f"{row['name']}: {pair['label']} {short(other['value'])} {_encodable(row['unit'], console)}, "
                    f"{short(other['ratio'])} times this pair's",
                    highlight=False,
                )
    console.print(f"verdict: {data['verdict']['headline']}", highlight=False)


def _encodable(text: str, console: Console) -> str:
    """Units in letters that the terminal has."""
    try:
        text.encode(console.encoding)
    except UnicodeEncodeError:
        return text.replace("Å", "A")
    return text
