"""Child processes with a log file, which a Ctrl-C in the terminal does not reach."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

_ERROR = "moe-ipi: error: "


def start_of_this_process() -> float:
    """When this process was started, on the clock of ``time.monotonic``: loading it may have taken long."""
    ticks = Path("/proc/self/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[19]
    age = time.clock_gettime(time.CLOCK_BOOTTIME) - int(ticks) / os.sysconf("SC_CLK_TCK")
    return time.monotonic() - age


class Child:
    """A process in a session of its own; what it prints goes to a log.

    Args:
        name: what messages call it.
        command: the program and its arguments.
        log: file that its output is written to, or appended to.
        append: keep what the log holds.
        directory: where it runs.
        environment: its environment variables.
        keep_stdin: give it a pipe as standard input, which closes when this process dies, however it dies.
        descriptors: file descriptors it inherits.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        log: Path,
        append: bool,
        directory: Path,
        environment: Mapping[str, str],
        keep_stdin: bool = False,
        descriptors: Sequence[int] = (),
    ) -> None:
        self.name = name
        self.log = log
        with log.open("ab" if append else "wb") as out:
            self._log_start = out.tell()
            self._process = subprocess.Popen(
                command,
                cwd=directory,
                env=dict(environment),
                stdin=subprocess.PIPE if keep_stdin else subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                pass_fds=descriptors,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    def poll(self) -> int | None:
        """Exit status, negative for a signal, or ``None`` while it runs."""
        return self._process.poll()

    def wait(self, seconds: float) -> bool:
        """Whether it ended within ``seconds``."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(max(seconds, 0.0))
        return self._process.poll() is not None

    def terminate(self) -> None:
        """Ask it to end, also if it was stopped (SIGSTOP)."""
        if self.poll() is None:
            self._process.terminate()
            self._process.send_signal(signal.SIGCONT)

    def tell(self, line: str) -> None:
        """Write a line to its standard input; needs ``keep_stdin``."""
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            self._process.stdin.write(line.encode() + b"\n")
            self._process.stdin.flush()

    def kill(self) -> None:
        """End it and what it started, at once."""
        # The compiler that a driver started, for example, is in its session.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        if self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.close()

    def last_line(self) -> str:
        """The last line it printed, without its prefix; empty if there is none."""
        lines = self._lines()
        return lines[-1].removeprefix("moe-ipi driver: ") if lines else ""

    def error(self) -> str:
        """The error that it reported itself; empty if there is none."""
        errors = [line.removeprefix(_ERROR) for line in self._lines() if line.startswith(_ERROR)]
        return errors[-1] if errors else ""

    def reason(self) -> str:
        """Why it ended, in one line."""
        if error := self.error():
            return error
        lines = self._lines()
        status = self.poll()
        if status is not None and status < 0:
            return f"it was killed by {_signal_name(-status)} (see {self.log.name})"
        said = f": {lines[-1][:300]}" if lines else ""
        return f"it ended with status {status}{said} (see {self.log.name})"

    def _lines(self) -> list[str]:
        with contextlib.suppress(OSError), self.log.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(self._log_start, size - 20_000))
            text = file.read().decode("utf-8", errors="replace")
            return [line.strip() for line in text.splitlines() if line.strip()]
        return []


def stop_all(children: Sequence[Child], seconds: float) -> None:
    """Ask all to end, and end those that have not done so after ``seconds``."""
    for child in children:
        child.terminate()
    deadline = time.monotonic() + seconds
    for child in children:
        child.wait(deadline - time.monotonic())
        child.kill()


def _signal_name(number: int) -> str:
    try:
        return f"signal {number} ({signal.Signals(number).name})"
    except ValueError:
        return f"signal {number}"
