"""What happens to a run on a bad day."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import socket
import time
from collections.abc import Callable, Iterable
from subprocess import Popen

from tests.helpers.case import Case
from tests.helpers.moe_ipi_run import children

#: Seconds after which a run replaces who does not answer (``--stall-timeout``).
STALL = 6.0


def _signal(pids: Iterable[int], *numbers: int) -> None:
    for number in numbers:
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)


def _some_driver(case: Case, chance: random.Random) -> list[int]:
    drivers = children(case, "cli")
    return [chance.choice(drivers)] if drivers else []


def kill_driver(case: Case, parent: Popen[str], chance: random.Random) -> None:
    _signal(_some_driver(case, chance), signal.SIGKILL)


def kill_all_drivers(case: Case, parent: Popen[str], chance: random.Random) -> None:
    _signal(children(case, "cli"), signal.SIGKILL)


def kill_driver_with_a_request_unread(case: Case, parent: Popen[str], chance: random.Random) -> None:
    driver = _some_driver(case, chance)
    _signal(driver, signal.SIGSTOP)
    time.sleep(0.2)
    _signal(driver, signal.SIGKILL)


def terminate_driver(case: Case, parent: Popen[str], chance: random.Random) -> None:
    _signal(_some_driver(case, chance), signal.SIGTERM)


def pause_driver(case: Case, parent: Popen[str], chance: random.Random) -> None:
    driver = _some_driver(case, chance)
    _signal(driver, signal.SIGSTOP)
    time.sleep(chance.uniform(0.1, 2.0))
    _signal(driver, signal.SIGCONT)


def stop_driver(case: Case, parent: Popen[str], chance: random.Random) -> None:
    _signal(_some_driver(case, chance), signal.SIGSTOP)


def pause_ipi(case: Case, parent: Popen[str], chance: random.Random) -> None:
    server = children(case, "plugin")
    _signal(server, signal.SIGSTOP)
    time.sleep(chance.uniform(0.1, 2.0))
    _signal(server, signal.SIGCONT)


def kill_ipi(case: Case, parent: Popen[str], chance: random.Random) -> None:
    _signal(children(case, "plugin"), signal.SIGKILL)


def terminate_ipi(case: Case, parent: Popen[str], chance: random.Random) -> None:
    _signal(children(case, "plugin"), signal.SIGTERM)


def interrupt_run(case: Case, parent: Popen[str], chance: random.Random) -> None:
    _signal([parent.pid], signal.SIGINT)


def interrupt_run_with_a_stopped_driver(case: Case, parent: Popen[str], chance: random.Random) -> None:
    stop_driver(case, parent, chance)
    time.sleep(0.2)
    _signal([parent.pid], signal.SIGINT)


def kill_parent(case: Case, parent: Popen[str], chance: random.Random) -> None:
    _signal([parent.pid], signal.SIGKILL)


def kill_everything(case: Case, parent: Popen[str], chance: random.Random) -> None:
    _signal([parent.pid, *children(case)], signal.SIGKILL)


def stranger(case: Case, parent: Popen[str], chance: random.Random) -> None:
    with socket.socket(socket.AF_UNIX) as sock, contextlib.suppress(OSError):
        sock.connect(case.unix.path)
        sock.settimeout(chance.choice([0.5, 10 * STALL]))
        while sock.recv(100):
            pass


Fault = Callable[[Case, "Popen[str]", random.Random], None]

#: What is done, and how often in comparison.
FAULTS: dict[str, tuple[Fault, int]] = {
    "SIGKILL of a driver": (kill_driver, 4),
    "SIGKILL of a driver with a request unread": (kill_driver_with_a_request_unread, 3),
    "SIGKILL of all drivers": (kill_all_drivers, 1),
    "SIGTERM of a driver": (terminate_driver, 2),
    "SIGSTOP and SIGCONT of a driver": (pause_driver, 3),
    "SIGSTOP of a driver, for good": (stop_driver, 2),
    "a stranger who connects and says nothing": (stranger, 2),
    "SIGSTOP and SIGCONT of i-PI": (pause_ipi, 2),
    "SIGTERM of i-PI": (terminate_ipi, 1),
    "SIGKILL of i-PI": (kill_ipi, 2),
    "Ctrl-C": (interrupt_run, 2),
    "Ctrl-C with a stopped driver": (interrupt_run_with_a_stopped_driver, 1),
    "SIGKILL of moe-ipi run": (kill_parent, 1),
    "SIGKILL of everything at once": (kill_everything, 2),
}
#: What no run survives: it must end, however many steps it still makes.
ENDING = {kill_ipi, terminate_ipi, interrupt_run, interrupt_run_with_a_stopped_driver, kill_parent, kill_everything}
