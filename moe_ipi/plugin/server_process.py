"""The i-PI process of ``moe-ipi run``: runs i-PI, reports on it, and makes sure that it can always be stopped.

Started as ``python -m moe_ipi.plugin.server_process INPUT FD CONFIG``.  Writes one JSON object per line to the
inherited file descriptor FD: ``{"step": ...}`` while it runs, ``{"note": text}`` for the user, ``{"end": message,
"status": ...}`` when i-PI begins to stop (the first one counts), ``{"error": reason}`` when it fails.  Ends the run,
with a RESTART, when its input is closed.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time
import traceback
from types import FrameType
from typing import NoReturn

from ipi.engine.simulation import Simulation
from ipi.utils.softexit import softexit

from moe_ipi.config import Config, load_config
from moe_ipi.errors import MoEError
from moe_ipi.plugin import engine
from moe_ipi.plugin.ipi_input import one_line, schedule_of
from moe_ipi.plugin.reporter import Reporter
from moe_ipi.plugin.schedule import segment_steps
from moe_ipi.plugin.segments import Segments, add_properties

#: Seconds that i-PI is given to stop by itself, before RESTART is written behind its back.
GRACE = 4.0


def run_ipi(path: str, config: Config, reporter: Reporter) -> None:
    """Run i-PI as the program ``i-pi`` does; does not return if the run has started."""
    segments: Segments

    def hook(simulation: Simulation) -> None:
        nonlocal segments
        steps, _ = segment_steps(config.segments, *schedule_of(simulation))
        segments = Segments(simulation, config, steps, reporter.note)
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
    _hold_signals()
    with open(path) as file:
        simulation = Simulation.load_from_xml(file, request_banner=True, post_init_hook=hook)
    softexit.hard_exit = True
    for work in (_watch_drivers_thread, _stop_when_asked):
        threading.Thread(target=work, args=(simulation, reporter), daemon=True).start()
    threading.Thread(target=_stop_with_parent, daemon=True).start()
    reporter.emit(started=simulation.step, total=simulation.tsteps)
    try:
        segments.begin()
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


def _stop_when_asked(simulation: Simulation, reporter: Reporter) -> None:
    """End the process with a RESTART even if i-PI's own way to stop hangs, on a thread that waits for a driver."""
    written = threading.Event()
    write = simulation.chk.write

    def marked(store: bool = True) -> None:
        write(store=store)
        written.set()

    simulation.chk.write = marked
    while not engine.stop_requested():
        time.sleep(0.1)
    time.sleep(GRACE)
    print(" @moe-ipi: i-PI did not stop by itself, stopping it.", flush=True)
    if not softexit.triggered:
        reporter.emit(end="stopped by a signal", status="restartable")
    if not written.is_set():
        simulation.softexit()
    for ff in simulation.fflist.values():
        interface = getattr(ff, "socket", None)
        if interface is not None and interface.mode in ("unix", "shm"):
            with contextlib.suppress(OSError):
                os.unlink(interface.sockets_prefix + interface.address)
    _exit(1 if reporter.failed else 0)


def _stop_with_parent() -> None:
    with contextlib.suppress(OSError):
        while os.read(0, 1024):
            pass
    engine.request_stop()


def _exit(status: int) -> NoReturn:
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def main() -> None:
    """Run the input named on the command line."""
    path, descriptor, config = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    reporter = Reporter(descriptor)
    try:
        run_ipi(path, load_config(config), reporter)
    except Exception as error:
        traceback.print_exc()
        reporter.error(f"i-PI cannot start: {one_line(error)}")
        _exit(1)


if __name__ == "__main__":
    main()
