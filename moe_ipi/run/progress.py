"""How a run is shown: a progress bar in a terminal, a line now and then elsewhere."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text


@dataclass
class Status:
    """What i-PI last reported.

    Attributes:
        step: steps done.
        total: step at which the run ends.
        temperature: K.
        drift: change of the conserved quantity since the first report of this run, meV per atom; that of the last
            report in which i-PI knew it.
        segment: number of the present segment, counted from 0; ``None`` if the assignment is fixed.
        n_complex: atoms of the complex expert.
        natoms: atoms of one system.
    """

    step: int
    total: int
    temperature: float | None = None
    drift: float | None = None
    segment: int | None = None
    n_complex: int | None = None
    natoms: int = 0
    _reference: float | None = None

    def update(self, report: dict[str, Any]) -> None:
        """Take over a report of the i-PI process."""
        self.step, self.total = report["step"], report["total"]
        self.temperature = report.get("temperature")
        self.natoms = report.get("natoms", 0)
        self.segment = report.get("segment", self.segment)
        self.n_complex = report.get("n_complex", self.n_complex)
        conserved = report.get("conserved")
        if conserved is None or not self.natoms:
            return
        if self._reference is None:
            self._reference = conserved
        self.drift = 1000.0 * (conserved - self._reference) / (self.natoms * report.get("nsystems", 1))

    def __str__(self) -> str:
        parts = []
        if self.temperature is not None:
            parts.append(f"{self.temperature:.0f} K")
        if self.drift is not None:
            parts.append(f"conserved {self.drift:+.3f} meV/atom")
        if self.segment is not None:
            parts.append(f"segment {self.segment}")
        if self.n_complex is not None:
            parts.append(f"{self.n_complex} complex + {self.natoms - self.n_complex} bulk atoms")
        return ", ".join(parts)


class Display:
    """Shows a run on a console; use as a context.

    Args:
        console: where.
        status: what is shown; updated by its owner.
    """

    #: Seconds between two lines where there is no terminal, at first; later a tenth of the time that has passed.
    interval = 10.0

    def __init__(self, console: Console, status: Status) -> None:
        self._console = console
        self._status = status
        self._start = self._last = time.monotonic()
        self._first_step = self._last_step = status.step
        self._last_phase = ""
        self._moving: tuple[float, int] | None = None
        self._bar: Progress | None = None
        if console.is_terminal:
            columns: list[ProgressColumn] = [
                TextColumn("step {task.completed:.0f}/{task.total:.0f}"),
                BarColumn(),
                _TimeLeft(),
                TextColumn("{task.description}", markup=False),
            ]
            self._bar = Progress(*columns, console=console, speed_estimate_period=60.0)
            self._task = self._bar.add_task("", total=status.total, completed=status.step)

    def __enter__(self) -> Display:
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def refresh(self, phase: str = "") -> None:
        """Show the status; before the first step, ``phase`` says what is being done."""
        status = self._status
        if self._bar is not None:
            text = str(status) if status.step > self._first_step else phase
            self._bar.update(self._task, completed=status.step, total=status.total, description=text)
            return
        now = time.monotonic()
        if status.step == self._first_step:
            if phase and phase != self._last_phase and now - self._last > self.interval:
                self._last, self._last_phase = now, phase
                self.line(phase)
            return
        # Loading and the first step take longer than what follows: the time left is counted from the first report.
        self._moving = self._moving or (now, status.step)
        since, first = self._moving
        if status.step == first and status.step < status.total:
            return
        due = now - self._last > max(self.interval, (now - self._start) / 10)
        tenth = (status.total - self._first_step) / 10
        if (status.step - self._last_step >= tenth and now - self._last > 1.0) or due:
            self._last, self._last_step = now, status.step
            left = (now - since) / max(status.step - first, 1) * (status.total - status.step)
            self.line(f"step {status.step}/{status.total}, {duration(left)} left, {status}".rstrip(", "))

    def line(self, text: str) -> None:
        """Print one line above the bar."""
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)


class _TimeLeft(TimeRemainingColumn):
    def render(self, task: Task) -> Text:
        return super().render(task).append(" left")


def duration(seconds: float) -> str:
    """``75`` as ``1:15``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
