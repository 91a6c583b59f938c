"""Start real servers and drivers, as processes or threads, and wait for what they do."""

from __future__ import annotations

import itertools
import os
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from moe_ipi.driver.address import Server
from moe_ipi.driver.client import run_client
from moe_ipi.driver.evaluator import Evaluator
from tests.helpers.case import Case

ROOT = Path(__file__).parents[2]
PES = ROOT / "drivers" / "moe_ipi_pes.py"
TIMEOUT = 240.0
#: Below the ports that the system gives to others; every process begins elsewhere, so that two workers do not meet.
_PORTS = itertools.cycle(range(10_000, 32_000))
for _ in range(os.getpid() * 97 % 22_000):
    next(_PORTS)


def free_port() -> int:
    """A TCP port on which nobody listens, and that no other test gets."""
    for port in _PORTS:
        with socket.socket() as sock:
            try:
                sock.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError


@contextmanager
def process(*command: str | Path, cwd: Path) -> Iterator[subprocess.Popen[str]]:
    """A child that does not outlive the block; what it prints is in its ``log``."""
    log = cwd / f"{Path(command[0]).name}_{uuid.uuid4().hex[:6]}.log"
    with log.open("w") as out:
        child = subprocess.Popen([str(c) for c in command], cwd=cwd, stdout=out, stderr=subprocess.STDOUT, text=True)
    child.log = log
    try:
        yield child
    finally:
        if child.poll() is None:
            child.kill()
        child.wait()


@contextmanager
def ipi(case: Case, input: Path) -> Iterator[subprocess.Popen[str]]:
    """Plain ``i-pi input.xml``."""
    try:
        with process(Path(sys.executable).with_name("i-pi"), input, cwd=case.folder) as child:
            yield child
    finally:
        Path(case.unix.path).unlink(missing_ok=True)  # a killed i-PI leaves it


def driver_process(case: Case, *arguments: str | Path) -> AbstractContextManager[subprocess.Popen[str]]:
    """``moe-ipi driver ...``."""
    main = "import sys; from moe_ipi.cli import main; sys.exit(main())"
    return process(sys.executable, "-c", main, "driver", *arguments, cwd=case.folder)


def wait_for(child: subprocess.Popen[str], status: int | None = 0, seconds: float = TIMEOUT) -> str:
    """Wait for a child and return what it printed; any status but zero is expected if ``status`` is ``None``."""
    code = child.wait(timeout=seconds)
    output = child.log.read_text()
    assert (code != 0) if status is None else (code == status), f"status {code}:\n{output}"
    return output


def wait_until(condition: Callable[[], bool], seconds: float = 30.0) -> None:
    """Wait for something that another process does."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "nothing happened"
        time.sleep(0.05)


def wait_until_ready(*drivers: subprocess.Popen[str]) -> None:
    """Wait until drivers have loaded their models, so that none is late for a short run."""
    for child in drivers:
        wait_until(lambda child=child: "connecting to" in child.log.read_text(), TIMEOUT)


def assert_one_error(output: str, message: str) -> None:
    """There is one line for the user, no traceback."""
    errors = [line for line in output.splitlines() if line.startswith("moe-ipi: error:")]
    assert len(errors) == 1 and message in errors[0], output
    assert "Traceback" not in output


def one_error(result: tuple[int, str, str]) -> str:
    """The line that a user reads after a ``command`` of this process; there is nothing else on standard error."""
    status, _, stderr = result
    assert status == 1
    assert stderr.startswith("moe-ipi: error: ") and stderr.count("\n") == 1, stderr
    return stderr


class DriverThread(threading.Thread):
    """A driver in this process: it shares the compiled code of the other tests."""

    def __init__(self, server: Server, evaluator: Evaluator, *, connect_timeout: float = 30.0) -> None:
        super().__init__(daemon=True)
        self.lines: list[str] = []
        self.evaluated = 0
        self.error: Exception | None = None
        self._arguments = (server, evaluator, connect_timeout)
        self.start()

    def run(self) -> None:
        server, evaluator, connect_timeout = self._arguments
        try:
            self.evaluated = run_client(server, evaluator, connect_timeout=connect_timeout, log=self.lines.append)
        except Exception as error:
            self.error = error

    def finish(self) -> int:
        """Wait for the end; returns the number of structures evaluated, or raises what ended the driver."""
        self.join(TIMEOUT)
        assert not self.is_alive(), self.lines
        if self.error is not None:
            raise self.error
        return self.evaluated


def run_with_threads(case: Case, input: Path, server: Server, drivers: int = 1) -> list[int]:
    """Run i-PI with drivers in threads to its end; returns how many structures each driver evaluated."""
    threads = [DriverThread(server, case.evaluator()) for _ in range(drivers)]
    with ipi(case, input) as child:
        wait_for(child)
    return [thread.finish() for thread in threads]
