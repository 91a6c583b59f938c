"""The job script for several nodes, with a srun that starts everything here, which MPI takes for several nodes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers.processes import ROOT

BIN = Path(sys.executable).parent
#: Starts the command once for each node, as Slurm does on the nodes.
SRUN = """#!/bin/bash
echo "$@" >> srun.log
while [[ $1 != */hydra_pmi_proxy ]]; do [[ $1 == -n ]] && nodes=$2; shift; done
for ((k = 0; k < nodes; k++)); do SLURM_PROCID=$k SLURM_NODEID=$k "$@" & done
wait
"""
#: In place of the command: what a rank knows of its node, if that has two GPUs.
RANK = f"""#!{sys.executable}
import sys
from types import SimpleNamespace
sys.modules["torch"] = SimpleNamespace(cuda=SimpleNamespace(device_count=lambda: 2))
from moe_ipi.lammps.ranks import Ranks
ranks = Ranks()
found = ranks.comm.gather((ranks.device("cuda"), ranks.local_size))
if ranks.root:
    print(*found, *sys.argv[1:], sep="\\n")
"""


def submit(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """The job script on two nodes with two ranks each."""
    for name in ("mpiexec", "hydra_pmi_proxy"):
        (folder / name).symlink_to(BIN / name)
    for name, text in (("srun", SRUN), ("moe-ipi", RANK)):
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    slurm = {"SLURM_JOB_ID": "1", "SLURM_NTASKS": "4", "SLURM_NTASKS_PER_NODE": "2", "SLURM_TASKS_PER_NODE": "2(x2)"}
    names = dict.fromkeys(("SLURM_NODELIST", "SLURM_JOB_NODELIST"), "node1,node2")
    names |= dict.fromkeys(("SLURM_NNODES", "SLURM_JOB_NUM_NODES"), "2")
    # MPICH looks at the host's name, too: this makes two nodes of it.
    names["MPIR_CVAR_NUM_CLIQUES"] = "2"
    path = {"PATH": f"{folder}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [ROOT / "drivers" / "slurm_lammps.sh", *arguments],
        cwd=folder,
        env=os.environ | slurm | names | path | environment,
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_ranks_of_a_node_take_its_gpus(tmp_path: Path) -> None:
    done = submit(tmp_path, "in.lmp", "--balance", "off")
    assert done.returncode == 0, done.stderr
    gpus, words = done.stdout.splitlines()[:4], done.stdout.splitlines()[4:]
    assert sorted(gpus) == ["('cuda:0', 2)"] * 2 + ["('cuda:1', 2)"] * 2
    assert words == ["lammps", "run", "in.lmp", "-c", "moe.toml", "--balance", "off"]
    assert "--nodelist node1,node2 -N 2 -n 2" in (tmp_path / "srun.log").read_text()


@pytest.mark.slow
def test_a_driver_for_an_ipi_elsewhere(tmp_path: Path) -> None:
    done = submit(tmp_path, ADDRESS="login", CONFIG="other.toml")
    words = " ".join(done.stdout.splitlines()[4:])
    assert words == "driver --engine lammps -c other.toml --template init.xyz -a login -p 31415"


def test_neither_a_script_nor_an_address(tmp_path: Path) -> None:
    done = submit(tmp_path)
    assert done.returncode != 0
    assert "give a script of LAMMPS, or ADDRESS and PORT" in done.stderr
