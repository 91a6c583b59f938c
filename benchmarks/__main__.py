"""Measure, print, and write ``benchmarks.json``, ``.md`` and ``.png``.

    python -m benchmarks [--full] [--only KEYS] [--config moe.toml] [-o FOLDER]

Quiet machine, please: the figures are ratios, but what else runs takes the cache from both sides unequally.
"""

from __future__ import annotations

import argparse
import datetime
import importlib
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table as RichTable

from benchmarks.harness import Settings, Table, machine
from benchmarks.report import text, write
from moe_ipi.memory import keep_freed_memory
from moe_ipi.models import find_config
from moe_ipi.threads import set_threads

KEYS = ("mixture", "routes", "step", "beads", "lists", "growth", "compiled", "startup", "ranks", "communication")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--full", action="store_true", help="large systems and many repeats: hours")
    parser.add_argument("--only", default=",".join(KEYS), metavar="KEYS", help=f"of {', '.join(KEYS)}")
    parser.add_argument("--config", default="pt-co", help="a moe.toml, or the name of a shipped pair")
    parser.add_argument("--threads", type=int, default=1, help="of each process that evaluates")
    parser.add_argument("-o", "--output", type=Path, default=Path("benchmarks/results"))
    args = parser.parse_args()
    keys = args.only.split(",")
    unknown = sorted(set(keys) - set(KEYS))
    if unknown:
        parser.error(f"there is no benchmark {', '.join(unknown)}; there are {', '.join(KEYS)}")

    set_threads(args.threads)
    keep_freed_memory()  # as drivers do
    console = Console()
    tables: list[Table] = []
    date = datetime.date.today().isoformat()
    with tempfile.TemporaryDirectory(prefix="moe-ipi-bench-") as scratch:
        settings = Settings(Path(find_config(args.config)).absolute(), args.full, args.threads, Path(scratch))
        for key in keys:
            with console.status(key):
                found = importlib.import_module(f"benchmarks.{key}").run(settings)
            for table in found:
                show(console, table)
            tables += found
            # What is there is kept if a later one fails.
            write(args.output, tables, machine(args.threads), " ".join(["python -m benchmarks", *sys.argv[1:]]), date)


def show(console: Console, table: Table) -> None:
    """Print one table."""
    shown = RichTable(title=table.title, caption=table.note or None)
    for column in table.columns:
        shown.add_column(column, justify="right")
    for row in table.rows:
        shown.add_row(*(text(value) for value in row))
    console.print(shown)


if __name__ == "__main__":
    main()
