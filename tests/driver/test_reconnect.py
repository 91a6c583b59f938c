"""`moe-ipi driver --reconnect`: the models are loaded once, for one run after the other."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import threading
from pathlib import Path

import pytest

from moe_ipi.driver.client import run_client
from moe_ipi.driver.protocol import header
from tests.helpers.adaptive import check_every_frame, write_input
from tests.helpers.case import Case
from tests.helpers.configs import CHANGING
from tests.helpers.moe_ipi_run import children, run, wait_for_steps
from tests.helpers.processes import driver_process, ipi, wait_for, wait_until


@pytest.mark.slow
def test_a_driver_serves_runs_that_end_are_killed_and_know_no_token(tmp_path: Path) -> None:
    first, second = Case.create(tmp_path / "first", CHANGING), Case.create(tmp_path / "second", CHANGING)
    second.name = first.name
    second.atoms.positions[:] = first.atoms.positions
    options = ["-c", "moe.toml", "--template", "init.xyz", "-u", "-a", first.name, "--connect-timeout", "20"]
    with driver_process(first, *options, "--reconnect") as driver:
        wait_until(lambda: "connecting to" in driver.log.read_text(), 120.0)
        with run(first, write_input(first, steps=1_000_000), "-n", "0") as parent:
            wait_for_steps(first, parent, 20)
            os.kill(children(first, "plugin")[0], signal.SIGKILL)
            wait_for(parent, status=1)
        # A new run, whose tokens begin again.
        with run(second, write_input(second, steps=60), "-n", "0") as parent:
            wait_for(parent)
        check_every_frame(second)
        # Plain i-PI sends no token: after others with one that would be an error in the same run.
        fixed = Case.create(tmp_path / "fixed", CHANGING)
        fixed.name = first.name
        with ipi(fixed, fixed.write_input(fixed.ffsocket())) as server:
            wait_for(server)
        output = wait_for(driver)
    assert output.count("moe-ipi driver: connected\n") >= 3
    assert output.count("waiting for the next server at UNIX socket") >= 3
    assert re.search(r"no other server has come; \d+ structures evaluated\n$", output)
    assert "from the server, segment 0" in output and "from the template" in output


class Forgets:
    """Counts how often it is told to forget."""

    times = 0

    def evaluate(self, *arguments: object) -> list[object]:
        raise AssertionError

    def forget(self) -> None:
        self.times += 1


def test_it_forgets_after_every_server(case: Case) -> None:
    lines: list[str] = []
    evaluator = Forgets()

    def log(line: str) -> None:
        lines.append(line)
        if line.startswith("connecting") or line.startswith("waiting"):
            serve_once()

    answers = [header("EXIT"), b"", b"STAT", None]  # says EXIT, closes, vanishes inside a message, does not come
    with contextlib.ExitStack() as stack:

        def serve_once() -> None:
            stack.close()
            Path(case.unix.path).unlink(missing_ok=True)
            if (answer := answers.pop(0)) is None:
                return
            server = stack.enter_context(socket.socket(socket.AF_UNIX))
            server.bind(case.unix.path)
            server.listen(1)

            def serve() -> None:
                peer, _ = server.accept()
                with peer:
                    peer.sendall(answer)

            threading.Thread(target=serve, daemon=True).start()

        assert run_client(case.unix, evaluator, connect_timeout=2.0, reconnect=True, log=log) == 0
    Path(case.unix.path).unlink(missing_ok=True)
    assert evaluator.times == 3
    endings = [line for line in lines if "structures evaluated" in line]
    starts = (
        "the server said EXIT",
        "the server closed",
        "the server vanished in the middle",
        "no other server has come",
    )
    assert len(endings) == 4 and all(line.startswith(start) for start, line in zip(starts, endings, strict=True)), lines
