"""Short runs of real i-PI whose steps are timed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np
from ase import Atoms

from moe_ipi.config import ComputeConfig, Config, RegionsConfig, write_config
from moe_ipi.driver.address import Server
from moe_ipi.driver.client import run_client
from moe_ipi.driver.evaluator import Evaluator
from moe_ipi.structure import write_ipi_xyz

ROOT = Path(__file__).parents[1]
_STEP = re.compile(r"t/step: (\S+)")
#: Steps at the beginning that are not counted: neighbour lists, memory.
WARM_UP = 2

_INPUT = """<simulation verbosity='high'>
  <output prefix='out'> <properties filename='props' stride='1000'> [ step ] </properties> </output>
  <total_steps>{steps}</total_steps>
  {fields}
  <system>
    <initialize nbeads='{beads}'>
      <file mode='xyz'> init.xyz </file>
      <velocities mode='thermal' units='kelvin'> 300 </velocities>
    </initialize>
    <forces> {forces} </forces>
    <ensemble> <temperature units='kelvin'> 300 </temperature> </ensemble>
    <motion mode='dynamics'>
      <dynamics mode='nve'>
        <timestep units='femtosecond'> {timestep} </timestep> {nmts}
      </dynamics>
    </motion>
  </system>
</simulation>
"""


def moe_toml(path: Path, config: Config, mask: np.ndarray, threads: int) -> Path:
    """A config with the experts of another one, compiled, and fixed complex atoms."""
    compute = ComputeConfig(compile=True, threads=threads)
    regions = RegionsConfig.fixed(np.flatnonzero(mask))
    return write_config(path, Config(experts=config.experts, regions=regions, compute=compute))


def socket_field(name: str, options: str = "") -> str:
    """``<ffsocket>``; its address is that of the run and the name."""
    return (
        f"<ffsocket name='{name}' mode='unix' pbc='False'><address>{{address}}-{name}</address>"
        f"<latency>1e-4</latency>{options}</ffsocket>"
    )


class IPIRun:
    """One run in a folder of its own.

    Args:
        folder: where it runs.
        atoms: the initial structure.
        steps: that are timed.
        fields: force fields; ``{address}`` in them is filled in.
        forces: what the system has of them.
        beads: number of beads.
        nmts: ``<nmts>`` and the like.
        timestep: outer, fs.
    """

    def __init__(
        self,
        folder: Path,
        atoms: Atoms,
        *,
        steps: int,
        fields: str = socket_field("moe"),
        forces: str = "<force forcefield='moe'/>",
        beads: int = 1,
        nmts: str = "",
        timestep: float = 0.5,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.address = f"bench-{uuid.uuid4().hex[:10]}"
        write_ipi_xyz(
            folder / "init.xyz", atoms.get_chemical_symbols(), atoms.positions, atoms.cell.array.T, "angstrom"
        )
        atoms.write(folder / "init.extxyz")
        text = _INPUT.format(
            steps=steps + WARM_UP,
            fields=fields.replace("{address}", self.address),
            forces=forces,
            beads=beads,
            nmts=nmts,
            timestep=timestep,
        )
        (folder / "input.xml").write_text(text)

    def with_evaluator(self, evaluator: Evaluator) -> np.ndarray:
        """Seconds of each step, with a driver in this process."""
        server = Server(f"{self.address}-moe")
        thread = threading.Thread(
            target=run_client, args=(server, evaluator), kwargs={"log": lambda line: None}, daemon=True
        )
        thread.start()
        try:
            return self._times([])
        finally:
            thread.join(timeout=60)

    def with_drivers(self, drivers: Sequence[Sequence[str | Path]], threads: int = 1) -> np.ndarray:
        """Seconds of each step, with drivers started by these commands; ``{address}`` in them is filled in."""
        return self._times(drivers, threads)

    def _times(self, drivers: Sequence[Sequence[str | Path]], threads: int = 1) -> np.ndarray:
        environment = os.environ | {"OMP_NUM_THREADS": str(threads), "PYTHONPATH": str(ROOT)}
        log = self.folder / "ipi.log"
        with ExitStack() as stack:
            out = stack.enter_context(log.open("w"))
            ipi = subprocess.Popen(
                [Path(sys.executable).with_name("i-pi"), "input.xml"],
                cwd=self.folder,
                stdout=out,
                stderr=subprocess.STDOUT,
                env=environment,
            )
            stack.callback(ipi.wait)
            stack.callback(ipi.kill)
            started = []
            for number, command in enumerate(drivers):
                words = [str(word).replace("{address}", self.address) for word in command]
                driver = subprocess.Popen(
                    words,
                    cwd=self.folder,
                    stdout=stack.enter_context((self.folder / f"driver-{number}.log").open("w")),
                    stderr=subprocess.STDOUT,
                    env=environment,
                )
                started.append(driver)
                stack.callback(driver.wait)
                stack.callback(driver.terminate)
            while ipi.poll() is None:
                time.sleep(0.2)
                if any(driver.poll() for driver in started):
                    raise RuntimeError("\n".join(path.read_text() for path in self.folder.glob("driver-*.log")))
            if ipi.returncode != 0:
                raise RuntimeError(log.read_text())
        times = [float(value) for value in _STEP.findall(log.read_text())]
        return np.array(times[WARM_UP:])


def moe_driver(config: Path, field: str = "moe") -> list[str | Path]:
    """The command of our driver."""
    program = Path(sys.executable).with_name("moe-ipi")
    return [program, "driver", "-c", config, "--template", "init.xyz", "-u", "-a", f"{{address}}-{field}"]
