"""The i-PI process of ``moe-ipi run``: runs i-PI, reports on it, and makes sure that it can always be stopped.

Started as ``python -m moe_ipi.simulation.server_process INPUT FD CONFIG``.  Writes one JSON object per line to the
inherited file descriptor FD: ``{"step": ...}`` while it runs, ``{"note": text}`` for the user, ``{"end": message,
"status": ...}`` when i-PI begins to stop (the first one counts), ``{"error": reason}`` when it fails.  Ends the run,
with a RESTART, when its input is closed.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import threading
import time
import traceback
from types import FrameType
from typing import Any, NoReturn

from ipi.engine.simulation import Simulation
from ipi.utils.softexit import softexit
from ipi.utils.units import unit_to_user

from moe_ipi.config import Config, load_config
from moe_ipi.errors import MoEError
from moe_ipi.simulation.ipi_input import one_line, schedule_of
from moe_ipi.simulation.schedule import segment_steps
from moe_ipi.simulation.segments import Segments, add_properties

#: Seconds that i-PI is given to stop by itself, before RESTART is written behind its back.
GRACE = 4.0
_REPORT_EVERY = 0.2


class Reporter:
    """Writes status lines to the parent."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._last = 0.0
        self.failed = False

    def emit(self, **content: Any) -> None:
        """Send one object; a parent that is gone is noticed elsewhere."""
        with contextlib.suppress(OSError):
            os.write(self._descriptor, (json.dumps(content) + "\n").encode())

    def error(self, reason: str) -> None:
        """Report why the run fails; only the first reason counts."""
        if not self.failed:
            self.failed = True
            self.emit(error=reason)

    def note(self, text: str) -> None:
        """Show the user a line."""
        self.emit(note=text)

    def step(self, simulation: Simulation, step: int, segments: Segments) -> None:
        """Report on the step that was done, a few times per second."""
        now = time.monotonic()
        if now - self._last < _REPORT_EVERY and step + 1 < simulation.tsteps:
            return
        self._last = now
        try:
            state = _state(simulation)
        except Exception:
            # A report must never end a run.
            traceback.print_exc()
            state = {}
        if segments.adaptive:
            state["segment"] = segments.segment
        self.emit(step=step + 1, total=simulation.tsteps, n_complex=segments.n_complex, **state)


def _state(simulation: Simulation) -> dict[str, Any]:
    """Temperature in K; conserved quantity, summed over systems, in eV per bead.

    What would need a new evaluation of forces is left out.
    """
    systems = simulation.syslist
    state: dict[str, Any] = {"natoms": systems[0].beads.natoms, "nsystems": len(systems)}
    if any(s.motion.__class__.__name__ not in ("Dynamics", "MultiMotion") for s in systems):
        return state
    kelvin = [unit_to_user("temperature", "kelvin", s.properties["temperature"][0]) for s in systems]
    state["temperature"] = float(sum(kelvin) / len(kelvin))
    components = [c for s in systems for forces in (s.forces, s.ensemble.bias) for c in forces.mforces if c.weight != 0]
    # A component of the bias is wrapped, to scale it.
    beads = [fb for c in components for fb in getattr(c, "bf", c)._forces]
    if any(fb._ufvx.tainted() for fb in beads):
        return state
    conserved = sum(float(s.properties["conserved"][0]) for s in systems)
    state["conserved"] = float(unit_to_user("energy", "electronvolt", conserved))
    return state


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

    The flag is the one that its handlers set, so i-PI stops once it is loaded, with a RESTART and its socket removed.
    """

    def note(number: int, frame: FrameType | None) -> None:
        softexit._killed = True

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, note)


def _watch_drivers_thread(simulation: Simulation, reporter: Reporter) -> None:
    """A message that i-PI does not understand kills the thread that talks to the drivers, and the run would hang."""
    reason = "see its log"

    def remember(arguments: threading.ExceptHookArgs) -> None:
        nonlocal reason
        threading.__excepthook__(arguments)
        if arguments.thread is not None and arguments.thread.name.startswith("poll_"):
            reason = one_line(arguments.exc_value)

    threading.excepthook = remember
    while not softexit.triggered:
        time.sleep(0.5)
        for ff in simulation.fflist.values():
            if ff._thread is not None and not ff._thread.is_alive() and not softexit.triggered:
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
    while not (softexit.triggered or softexit._killed):
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
    # What i-PI's own handler of SIGTERM does.
    softexit._killed = True


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
