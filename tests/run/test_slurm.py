"""The job script for Slurm, with Slurm's commands played by small programs: two jobs make one run."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import Popen

import numpy as np
import pytest

from tests.helpers.case import Case
from tests.helpers.moe_ipi_run import run_to_end, step_of_restart, steps
from tests.helpers.processes import ROOT, process, wait_for, wait_until

SCRIPT = ROOT / "drivers" / "slurm_example.sh"

#: As srun, on two nodes with half of the tasks each.
SRUN = """#!/bin/bash
for argument in "$@"; do
    case $argument in
        --ntasks=*) ntasks=${argument#*=} ;;
        --output=*) log=${argument#*=} ;;
        bash) break ;;
    esac
    shift
done
set -m # every task has a process group
trap 'for k in $(jobs -p); do kill -- -$k; done; wait; exit 143' TERM
for (( k = 0; k < ntasks; k++ )); do
    SLURM_PROCID=$k SLURM_LOCALID=$(( k % (ntasks / 2) )) "$@" > "driver.$k.log" 2>&1 &
done
wait
"""
#: The drivers of the test have no GPU: which one they would have is written down.
MOE_IPI = f"""#!/bin/bash
[[ $1 == run ]] && touch began
if [[ $1 == driver && $* == *--device* ]]; then
    echo "$SLURM_PROCID ${{*: -1}} $*" >> devices
    set -- "${{@:1:$#-2}}"
fi
exec {sys.executable} -m moe_ipi.cli "$@"
"""
SCONTROL = '#!/bin/bash\necho "$*" >> scontrol.log\n'
SQUEUE = '#!/bin/bash\necho "$*" > squeue.log\necho "$LEFT"\n'


@pytest.fixture
def slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A job of four tasks on two nodes with two GPUs each; the programs come first in PATH."""
    programs = tmp_path / "programs"
    programs.mkdir()
    for name, text in (("srun", SRUN), ("scontrol", SCONTROL), ("squeue", SQUEUE), ("moe-ipi", MOE_IPI)):
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    for name, value in {"JOB_ID": "42", "NTASKS": "4", "CPUS_PER_TASK": "1", "GPUS_ON_NODE": "2"}.items():
        monkeypatch.setenv(f"SLURM_{name}", value)


@contextmanager
def job(case: Case) -> Iterator[Popen[str]]:
    with process("bash", SCRIPT, cwd=case.folder) as parent:
        try:
            yield parent
        finally:
            if parent.poll() is None:
                parent.terminate()
                parent.wait(60)


@pytest.mark.timeout(1200)
def test_a_run_of_two_jobs(slurm: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    case = Case.create(tmp_path / "job")
    case.write_input(case.ffsocket(), steps=1_000_000)
    for seconds in (15, 300):
        monkeypatch.setenv("LEFT", f"0:{seconds // 60:02d}:{seconds % 60:02d}")
        with job(case) as first:
            if first.wait(500) == 75:
                break
        # On a busy machine not even the first step is done.
        assert "the walltime was over before the first step: give more time" in first.log.read_text()
    output = wait_for(first, status=75)
    assert (case.folder / "scontrol.log").read_text() == "requeue 42\n"
    assert "--jobs=42" in (case.folder / "squeue.log").read_text()
    restart = case.folder / "RESTART"
    reached = step_of_restart(case)
    began = (case.folder / "began").stat().st_mtime
    assert reached > 0 and restart.stat().st_mtime < began + seconds
    assert f"the walltime is over; RESTART is at step {reached}; to continue: " in output
    assert not list(case.folder.glob("*.moe_drivers"))
    # Every task has had a driver, on the GPU of its rank on its node, that knows where i-PI is.
    devices = [line.split(maxsplit=2) for line in (case.folder / "devices").read_text().splitlines()]
    assert {(k, device) for k, device, _ in devices} == {(k, f"cuda:{int(k) % 2}") for k in "0123"}
    assert all(re.search(r" -a \S+ -p \d+ ", words) and " -u " not in words for *_, words in devices)
    # Queued again: from the RESTART to the end, in a job without a limit.
    total(restart, reached + 20)
    monkeypatch.setenv("LEFT", "UNLIMITED")
    with job(case) as second:
        output = wait_for(second)
    assert f"continues 'RESTART' at step {reached}" in output
    assert (case.folder / "scontrol.log").read_text() == "requeue 42\n"
    assert steps(case) == list(range(reached + 21))
    # It is the run that was not interrupted; the RESTART of a step between two checkpoints up to rounding.
    whole = Case.create(tmp_path / "whole", atoms=case.atoms)
    total(whole.write_input(whole.ffsocket(), steps=1_000_000), reached + 20)
    run_to_end(whole)
    for name in ("pos", "for"):
        one, other = (each.frames(name, 1, reached + 21) for each in (case, whole))
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-9, err_msg=name)


def total(path: Path, steps: int) -> None:
    path.write_text(re.sub(r"<total_steps>\s*\d+", f"<total_steps>{steps}", path.read_text()))


@pytest.mark.slow
def test_a_job_that_is_stopped(slurm: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By SIGTERM, before it is killed: there is a RESTART, nothing is left, and it is not for the script to requeue."""
    case = Case.create(tmp_path / "job")
    case.write_input(case.ffsocket(), steps=1_000_000)
    monkeypatch.setenv("LEFT", "1-12:00:00")
    with job(case) as parent:
        wait_until(lambda: bool(steps(case)) and steps(case)[-1] >= 3, 200)
        parent.send_signal(signal.SIGTERM)
        wait_for(parent, status=130)
    assert step_of_restart(case) >= 3 and not (case.folder / "scontrol.log").exists()


def test_a_job_that_cannot_begin(slurm: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEFT", "12:00:00")
    done = subprocess.run(["bash", str(SCRIPT)], cwd=tmp_path, capture_output=True, text=True, timeout=200)
    assert done.returncode == 1
    assert "moe-ipi: error: there is no config 'moe.toml'" in done.stderr
