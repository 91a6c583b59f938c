"""i-PI and its drivers as child processes, watched until all have ended."""

from __future__ import annotations

import json
import os
import re
import signal
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from types import FrameType
from typing import Any

from rich.console import Console

from moe_ipi.config import RunConfig
from moe_ipi.errors import MoEError
from moe_ipi.ledger import LedgerError, read_ledger, summary
from moe_ipi.plugin.ipi_input import IPIInput
from moe_ipi.run.crew import Crew
from moe_ipi.run.local_drivers import PYTHON, Drivers
from moe_ipi.run.processes import Child, stop_all
from moe_ipi.run.progress import Display, Status, duration
from moe_ipi.run.restarts import newest_usable
from moe_ipi.run.stalls import Stalls
from moe_ipi.signals import handled

#: Seconds that i-PI is given to write its RESTART and end (its own process gives up before).
_IPI_SECONDS = 15.0
#: Seconds that drivers are given to notice that i-PI has ended, and those of a run that was stopped.
_DRIVER_SECONDS, _STOPPED_DRIVER_SECONDS = 5.0, 0.3
#: Seconds after which a user who has stopped the run hears what it still waits for.
_PATIENCE = 1.0


class SimulationError(MoEError):
    """i-PI or a driver failed while the simulation ran."""


class Supervisor:
    """The children of one run, and what is known of them.

    Args:
        run: the input.
        folder: where all of them run.
        plan: how drivers are started.
        settings: what is done about drivers that are lost or do not answer.
        environment: what all get in addition to this process's environment.
        console: where progress is shown.
        accept_changes: a checkpoint may be continued with other experts or regions than it was made with.
        held: file descriptors that i-PI's process keeps open as long as it lives.
        stop_at: time (of ``time.monotonic``) at which i-PI is asked to stop.
    """

    def __init__(
        self,
        run: IPIInput,
        folder: Path,
        plan: Drivers,
        settings: RunConfig,
        environment: Mapping[str, str],
        console: Console,
        *,
        accept_changes: bool = False,
        held: Sequence[int] = (),
        stop_at: float | None = None,
    ) -> None:
        self._stop_at = stop_at
        self._time_is_over = False
        self._input = run
        self._held = held
        self._folder = folder
        self._plan = plan
        self._settings = settings
        self._environment = {**os.environ, "PYTHONUNBUFFERED": "1", **environment}
        self._console = console
        self._status = Status(run.step, run.total_steps)
        self._accept_changes = accept_changes
        self._refused = False
        self._error: str | None = None
        self._end: dict[str, Any] | None = None
        self._signal: int | None = None
        self._server: Child
        self._crew: Crew
        self._stalls: Stalls

    def supervise(self, again: str) -> int:
        """Start everything, wait for the end, leave nothing running.

        Args:
            again: the command that continues the run.

        Returns:
            The exit status, see :func:`moe_ipi.run.launch.run_simulation`.

        Raises:
            SimulationError: i-PI or a driver failed.
        """
        start, start_date = time.monotonic(), time.time()
        children: list[Child] = []
        with self._signals(), Display(self._console, self._status) as display:
            try:
                reader = self._start(children, display)
                failure = self._watch(display)
                if self._signal is not None or self._time_is_over or failure:
                    self._stop_server(display)
                elif self._server.wait(_IPI_SECONDS):
                    reader.join(1.0)
                seconds = _DRIVER_SECONDS if self._signal is None else _STOPPED_DRIVER_SECONDS
                deadline = time.monotonic() + seconds
                for driver in self._crew.drivers:
                    driver.wait(deadline - time.monotonic())
                reader.join(1.0)
                display.refresh()
            finally:
                # What a driver computes for an i-PI that is gone is of no use.
                stop_all(children, 3.0 if self._signal is None else _STOPPED_DRIVER_SECONDS)
        failure = self._error or failure or self._server_failure()
        self._sum_up(start_date - 1.0)
        restart = self._folder / "RESTART"
        written = restart.is_file() and restart.stat().st_mtime >= start_date - 1.0
        reached = int(_step_of(restart)) if written else 0
        if self._signal is not None:
            return self._stopped("stopped", reached, again if written else "", 130)
        if self._time_is_over and not self._error:
            if reached <= self._input.step:
                failure = "the walltime was over before the first step: give more time"
            elif reached < self._status.total:
                return self._stopped("the walltime is over", reached, again, 75)
            else:
                failure = ""
        if failure:
            raise SimulationError(f"{failure}; {self._where_to_continue(start_date - 1.0)}")
        seconds = time.monotonic() - start
        last = self._status.step
        if last < self._status.total:
            last = reached if written else last
            if self._end is not None and self._end.get("finished"):
                # Such as an optimisation that has converged.
                self._say(f"i-PI: {self._end_message()}")
            else:
                self._say(f"i-PI ended the run early ({self._end_message()}); to continue: {again}")
        self._say(f"{last - self._input.step} steps in {duration(seconds)}, {self._status}".rstrip(", "))
        return 0

    def _stopped(self, why: str, step: int, again: str, status: int) -> int:
        self._say(f"{why}; RESTART is at step {step}; to continue: {again}" if again else f"{why}; there is no RESTART")
        return status

    def _start(self, children: list[Child], display: Display) -> threading.Thread:
        read, write = os.pipe()
        listen = json.dumps({name: asdict(server) for name, server in self._input.servers})
        arguments = [str(self._input.path), str(write), str(self._plan.config), "--listen", listen]
        if self._accept_changes:
            arguments.append("--accept-changes")
        try:
            self._server = Child(
                "i-PI",
                [*PYTHON, "moe_ipi.plugin.server_process", *arguments],
                log=self._folder / f"{self._input.prefix}.ipi.log",
                append=self._input.step > 0,
                directory=self._folder,
                environment=self._environment,
                keep_stdin=True,
                descriptors=[write, *self._held],
            )
        except OSError as error:
            os.close(read)
            raise SimulationError(f"cannot start i-PI: {error}") from error
        finally:
            os.close(write)
        children.append(self._server)
        places = self._plan.places(self._input, self._folder, self._environment)
        self._crew = Crew(places, self._settings, children, display.line)
        self._stalls = Stalls(self._server, self._crew, self._settings.stall_timeout, display.line)
        reader = threading.Thread(target=self._read, args=(read, display), daemon=True)
        reader.start()
        self._crew.start()
        return reader

    def _read(self, descriptor: int, display: Display) -> None:
        with os.fdopen(descriptor, encoding="utf-8") as lines:
            for line in lines:
                report = json.loads(line)
                if "step" in report:
                    self._status.update(report)
                elif "waits" in report:
                    self._stalls.report(report["waits"])
                elif "note" in report:
                    display.line(report["note"])
                elif "error" in report:
                    self._error = self._error or report["error"]
                    self._refused = self._refused or bool(report.get("refused"))
                elif "end" in report:
                    self._end = self._end or report

    def _watch(self, display: Display) -> str:
        """Wait until i-PI has ended, the run cannot go on (returns why), a signal has come or the time is over."""
        while self._signal is None:
            if self._server.poll() is not None or self._end is not None or self._error is not None:
                return ""
            if self._stop_at is not None and time.monotonic() > self._stop_at:
                self._time_is_over = True
                display.line("the walltime is nearly over: i-PI writes its RESTART")
                return ""
            if failure := self._crew.look_after() or self._stalls.check():
                return failure
            display.refresh(self._phase())
            time.sleep(0.1)
        return ""

    def _phase(self) -> str:
        """What is being done before the first step."""
        drivers = self._crew.drivers
        if not drivers:
            return "waiting for drivers"
        return f"drivers: {drivers[0].last_line()[:100] or 'starting'}"

    def _stop_server(self, display: Display) -> None:
        if self._signal is not None:
            display.line("stopping: i-PI writes its RESTART (Ctrl-C again to kill everything)")
        first, start, told = self._signal, time.monotonic(), False
        self._server.terminate()
        while not self._server.wait(0.1) and self._signal == first:
            passed = time.monotonic() - start
            if passed > _PATIENCE and not told and (whom := self._stalls.whom()):
                told = True
                display.line(f"stopping: i-PI waits for {whom}; RESTART will be that of the last complete step")
            if passed > _IPI_SECONDS:
                return

    def _where_to_continue(self, since: float) -> str:
        """The newest file that a run can be continued from, but not what this one was refused with."""
        refused = self._input.path if self._refused else None
        # What lies in the folder of a new run may be of another.
        since = since if self._input.step == 0 else 0.0
        usable = newest_usable(self._folder, self._input.prefix, refused=refused, since=since)
        if usable is None:
            return "there is no RESTART or checkpoint to continue from"
        return f"the newest file to continue from is '{usable.path.name}', at step {usable.step}"

    def _sum_up(self, since: float) -> None:
        """What the ledger of the whole run tells."""
        path = self._folder / f"{self._input.prefix}.moe_ledger"
        # It may be of another run if this one has written none.
        if not path.is_file() or path.stat().st_mtime < since:
            return
        try:
            told = summary(read_ledger(path))
        except LedgerError as error:
            told = [str(error)]
        for line in told:
            self._say(line)

    def _server_failure(self) -> str:
        """Why i-PI ended, if that was not as it should be."""
        if self._end is None:
            return f"i-PI failed: {self._server.reason()}"
        if self._end["status"] == "bad":
            return f"i-PI failed: {self._end_message()}"
        if "signal" in self._end["end"].lower():
            return "i-PI was stopped by a signal"
        return ""

    def _end_message(self) -> str:
        if (self._folder / "EXIT").exists():
            return "there is a file EXIT: remove it"
        assert self._end is not None
        text = self._end["end"].split(":", 1)[-1].strip().rstrip(".")
        # What i-PI says also when its <total_time> is over.
        return f"see {self._server.log.name}" if text == "Exiting cleanly" else text

    def _say(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)

    @contextmanager
    def _signals(self) -> Iterator[None]:
        """Note signals instead of being ended by them; a second one is noted, too, as another number."""

        def note(number: int, frame: FrameType | None) -> None:
            self._signal = (self._signal or 0) + number

        with handled((signal.SIGINT, signal.SIGTERM, signal.SIGHUP), note):
            yield


def _step_of(restart: Path) -> str:
    """The number of steps that were done when a RESTART was written."""
    found = re.search(r"<step>\s*(\d+)\s*</step>", restart.read_text(encoding="utf-8", errors="replace"))
    return found.group(1) if found else "0"
