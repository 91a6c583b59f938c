"""The i-PI process of ``moe-ipi run``: runs i-PI, reports on it, and makes sure that it can always be stopped.

Started as ``python -m moe_ipi.plugin.server_process INPUT FD CONFIG [--listen PLACES] [--accept-changes]``, PLACES
being JSON: where each ``<ffsocket>`` listens, whatever the input says.  Writes one JSON object per line to the
inherited file descriptor FD: ``{"step": ...}`` while it runs, ``{"note": text}`` for the user,
``{"waits": [...]}`` once a second (:class:`moe_ipi.plugin.exchange.Wait`), ``{"end": message, "status": ...}`` when
i-PI begins to stop (the first one counts), ``{"error": reason}`` when it fails.  Reads lines: ``drop KEY`` closes the
connection of a wait.  Ends the run, with a RESTART, when its input is closed.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Mapping
from dataclasses import asdict
from types import FrameType
from typing import NoReturn

import ipi.utils.softexit
from ipi.engine.simulation import Simulation
from ipi.utils.softexit import softexit

from moe_ipi.config import Config, load_config
from moe_ipi.driver.address import Server
from moe_ipi.errors import MoEError
from moe_ipi.plugin import bias_pes, engine, exchange
from moe_ipi.plugin.ipi_input import one_line, schedule_of
from moe_ipi.plugin.lost_drivers import survive_lost_drivers
from moe_ipi.plugin.outputs import Trimmer
from moe_ipi.plugin.reporter import Reporter
from moe_ipi.plugin.schedule import segment_steps
from moe_ipi.plugin.segments import Segments, add_properties

#: Seconds that i-PI is given to stop by itself, before RESTART is written behind its back: a driver may still compute.
GRACE = 4.0
#: The same where i-PI waits for somebody who will not answer.
SHORT_GRACE = 0.8


def run_ipi(
    path: str,
    config: Config,
    reporter: Reporter,
    *,
    places: Mapping[str, Server] | None = None,
    accept_changes: bool = False,
) -> None:
    """Run i-PI as the program ``i-pi`` does; does not return if the run has started.

    Args:
        path: i-PI's input.
        config: the pair, its regions and segments.
        reporter: tells the parent.
        places: where ``<ffsocket>``s listen, by their names, in place of what the input says.
        accept_changes: a checkpoint may be continued with other experts or regions than it was made with.
    """
    segments: Segments
    trimmer: Trimmer | None = None

    def hook(simulation: Simulation) -> None:
        nonlocal segments, trimmer
        engine.listen(simulation, places or {})
        steps, _ = segment_steps(config.segments, *schedule_of(simulation))
        # First, because it may refuse the checkpoint: then nothing has been touched.
        segments = Segments(simulation, config, steps, reporter.note, accept_changes=accept_changes)
        if simulation.step > 0:
            trimmer = Trimmer(simulation.step, reporter.note)
            engine.before_appending(trimmer)
        add_properties(simulation, segments)
        run_step = simulation.run_step

        def reported(step: int) -> None:
            segments.before_step()
            run_step(step)
            segments.after_step(step)
            if not softexit.triggered:
                reporter.step(simulation, step, segments)

        simulation.run_step = reported

    cleanup = softexit.cleanup

    def reported_cleanup(status: str = "restartable", message: str = "") -> None:
        if not softexit.triggered:
            reporter.emit(end=message.strip(), status=status)
        cleanup(status, message)

    softexit.cleanup = reported_cleanup
    # How often i-PI looks whether it was asked to stop: a second is long for somebody who waits.
    ipi.utils.softexit.SOFTEXITLATENCY = 0.2
    survive_lost_drivers()
    engine.relocate_pes(bias_pes.__file__)
    _hold_signals()
    with open(path) as file:
        simulation = Simulation.load_from_xml(file, request_banner=True, post_init_hook=hook)
    if trimmer is not None:
        trimmer.report()
    softexit.hard_exit = True
    restart = Restart(simulation)
    for work in (_watch_drivers_thread, _report_waits):
        threading.Thread(target=work, args=(simulation, reporter), daemon=True).start()
    threading.Thread(target=_stop_when_asked, args=(simulation, reporter, restart), daemon=True).start()
    threading.Thread(target=_obey_parent, args=(simulation,), daemon=True).start()
    reporter.emit(started=simulation.step, total=simulation.tsteps)
    try:
        segments.begin()
        restart.watch()
        simulation.run()
    except MoEError as error:
        reporter.error(str(error))
        softexit.cleanup("bad", str(error))
        _exit(1)
    except Exception as error:
        traceback.print_exc()
        reporter.error(f"i-PI failed: {one_line(error)}")
        softexit.cleanup("restartable", "an exception ended the run.")
        _exit(1)
    reporter.emit(end=simulation.exit_message, status=simulation.exit_status, finished=simulation.finished)
    softexit.trigger(status=simulation.exit_status, message=simulation.exit_message)


def _hold_signals() -> None:
    """Remember a request to stop that comes while i-PI loads: it opens its socket before it handles signals.

    So i-PI stops once it is loaded, with a RESTART and its socket removed.
    """

    def note(number: int, frame: FrameType | None) -> None:
        engine.request_stop()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, note)


def _watch_drivers_thread(simulation: Simulation, reporter: Reporter) -> None:
    """A message that i-PI does not understand kills the thread that talks to the drivers, and the run would hang."""
    reason = "see its log"

    def remember(arguments: threading.ExceptHookArgs) -> None:
        nonlocal reason
        threading.__excepthook__(arguments)
        if arguments.thread is not None and arguments.thread.name.startswith("poll_"):
            reason = one_line(arguments.exc_value or arguments.exc_type())

    threading.excepthook = remember
    while not softexit.triggered:
        time.sleep(0.5)
        if engine.polling_has_died(simulation) and not softexit.triggered:
            reporter.error(f"i-PI's exchange with the drivers broke down: {reason}")
            softexit.trigger(message="the polling thread died.")


class Restart:
    """The RESTART that i-PI writes when it is stopped, and that must be written behind its back if it does not."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation
        self._written = threading.Event()
        self._lock = threading.Lock()

    def watch(self) -> None:
        """Note whether i-PI has written it; after others have changed how it does so."""
        write = self._simulation.chk.write

        def marked(store: bool = True) -> None:
            with self._lock:
                write(store=store)
                self._written.set()

        self._simulation.chk.write = marked

    def ensure(self) -> None:
        """Write it, from the state after the last complete step, unless i-PI has done so."""
        with self._lock:
            written = self._written.is_set()
        if not written:
            self._simulation.softexit()


def _report_waits(simulation: Simulation, reporter: Reporter) -> None:
    """Tell the parent whom i-PI waits for; that it hears nothing says something, too."""
    while True:
        try:
            reporter.emit(waits=[asdict(wait) for wait in exchange.waits(simulation)])
        except Exception:
            # A report must never end a run.
            traceback.print_exc()
        time.sleep(1.0 if not engine.stop_requested() else 0.2)


def _stop_when_asked(simulation: Simulation, reporter: Reporter, restart: Restart) -> None:
    """End the process with a RESTART even if i-PI's own way to stop hangs, on a thread that waits for a driver."""
    while not engine.stop_requested():
        time.sleep(0.05)
    asked = time.monotonic()
    while (passed := time.monotonic() - asked) < GRACE:
        if passed > SHORT_GRACE and exchange.in_vain(simulation, SHORT_GRACE):
            break
        time.sleep(0.05)
    print(" @moe-ipi: i-PI did not stop by itself, stopping it.", flush=True)
    if not softexit.triggered:
        reporter.emit(end="stopped by a signal", status="restartable")
    restart.ensure()
    for output in simulation.outputs:
        with contextlib.suppress(Exception):
            output.close_stream()
    for field in engine.sockets(simulation.fflist.values()):
        interface = field.socket
        if interface.mode in ("unix", "shm"):
            with contextlib.suppress(OSError):
                os.unlink(interface.sockets_prefix + interface.address)
    _exit(1 if reporter.failed else 0)


def _obey_parent(simulation: Simulation) -> None:
    """Do what the parent says; stop when it is gone."""
    with contextlib.suppress(OSError, ValueError), os.fdopen(0, closefd=False) as lines:
        for line in lines:
            command, _, key = line.strip().partition(" ")
            if command == "drop" and key.isdecimal():
                exchange.drop(simulation, int(key))
    engine.request_stop()


def _exit(status: int) -> NoReturn:
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def main() -> None:
    """Run the input named on the command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("input")
    parser.add_argument("descriptor", type=int)
    parser.add_argument("config")
    parser.add_argument("--listen", type=json.loads, default={})
    parser.add_argument("--accept-changes", action="store_true")
    given = parser.parse_args()
    reporter = Reporter(given.descriptor)
    places = {name: Server(**place) for name, place in given.listen.items()}
    try:
        config = load_config(given.config)
        run_ipi(given.input, config, reporter, places=places, accept_changes=given.accept_changes)
    except MoEError as error:
        traceback.print_exc()
        reporter.error(str(error), refused=True)
        _exit(1)
    except Exception as error:
        traceback.print_exc()
        reporter.error(f"i-PI cannot start: {one_line(error)}")
        _exit(1)


if __name__ == "__main__":
    main()
