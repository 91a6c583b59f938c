"""The local drivers of a run, as processes."""

from __future__ import annotations

import os
import re
import shlex
import socket
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from moe_ipi.config import Config
from moe_ipi.driver.address import EVERYWHERE, PARENT, Server
from moe_ipi.plugin.ipi_input import IPIInput
from moe_ipi.run.processes import Child
from moe_ipi.threads import threads_per_driver

#: How Python starts a module; -P: a file of the user's folder must not hide it.
PYTHON = (sys.executable, "-P", "-m")

#: Where Linux lists NVIDIA's GPUs; torch, which would tell, is slow to import.
_GPUS = Path("/proc/driver/nvidia/gpus")


@dataclass
class Place:
    """Where a driver runs, and after it another one.

    Attributes:
        name: what messages call it.
        field: name of its ``<ffsocket>``.
        command: starts it.
        log: of all drivers at this place.
        append: whether to keep what the log holds.
        environment: of the driver.
        driver: the last one that was started.
    """

    name: str
    field: str
    command: Sequence[str]
    log: Path
    append: bool
    environment: Mapping[str, str]
    driver: Child | None = None

    def start(self, remark: str = "") -> Child:
        """Start a driver.

        Args:
            remark: for its log.
        """
        if remark:
            with self.log.open("a", encoding="utf-8") as log:
                log.write(f"moe-ipi run: {remark}\n")
        self.driver = Child(
            self.name,
            self.command,
            log=self.log,
            append=self.append,
            directory=self.log.parent,
            environment=self.environment,
        )
        self.append = True
        return self.driver


@dataclass(frozen=True)
class Drivers:
    """How the drivers of a run are started: the same number for every ``<ffsocket>``.

    Attributes:
        number: of drivers for each ``<ffsocket>``; may be 0.
        config: absolute path of the ``moe.toml``.
        template: structure with the species.
        device: overrides ``compute.device``.
        compile: overrides ``compute.compile``.
        gpus: as ``CUDA_VISIBLE_DEVICES`` names them: the drivers take them in turn.
    """

    number: int
    config: Path
    template: Path
    device: str | None = None
    compile: bool | None = None
    gpus: Sequence[str] = ()

    def places(self, run: IPIInput, folder: Path, environment: Mapping[str, str]) -> list[Place]:
        """Where they are started: ``number`` places for each ``<ffsocket>``.

        Logs go to ``PREFIX.driver-K.log``, or ``PREFIX.NAME.driver-K.log`` for several ``<ffsocket>``s.

        Args:
            run: the input.
            folder: where they run.
            environment: their environment variables.
        """
        several = len(run.servers) > 1
        places: list[Place] = []
        for name, server in run.servers:
            # The name of a force field may be no name for a file.
            prefix = f"{run.prefix}.{re.sub(r'[^A-Za-z0-9_.-]', '_', name)}" if several else run.prefix
            places += [
                Place(
                    f"driver {k} of '{name}'" if several else f"driver {k}",
                    field=name,
                    command=(*PYTHON, "moe_ipi.cli", "driver", *self._options(server)),
                    log=folder / f"{prefix}.driver-{k}.log",
                    append=run.step > 0,
                    environment={**environment, **self._gpu(len(places) + k - 1), PARENT: str(os.getpid())},
                )
                for k in range(1, self.number + 1)
            ]
        return places

    def _gpu(self, number: int) -> dict[str, str]:
        return {"CUDA_VISIBLE_DEVICES": self.gpus[number % len(self.gpus)]} if self.gpus else {}

    def commands(self, run: IPIInput) -> list[str]:
        """For each ``<ffsocket>`` the command that starts a driver, over TCP on any host."""
        host = _host()
        return [shlex.join(["moe-ipi", "driver", *self._options(server, host)]) for _, server in run.servers]

    def _options(self, server: Server, host: str = "127.0.0.1") -> list[str]:
        options = ["-c", str(self.config), "--template", str(self.template), "--connect-timeout", "120"]
        if server.port is None:
            options += ["--shm" if server.shm else "-u", "-a", server.address, "-S", server.prefix]
        else:
            everywhere = server.address in ("", EVERYWHERE)
            options += ["-a", host if everywhere else server.address, "-p", str(server.port)]
        return options + self.overrides()

    def overrides(self) -> list[str]:
        """The options of the command line that override the config's ``[compute]``."""
        options = [] if self.device is None else ["--device", self.device]
        if self.compile is not None:
            options += ["--compile" if self.compile else "--no-compile"]
        return options


def _host() -> str:
    """The name of this host, if it has one that can be looked up."""
    try:
        socket.gethostbyname(socket.gethostname())
    except OSError:
        return "127.0.0.1"
    return socket.gethostname()


def threads_environment(config: Config, n_drivers: int) -> dict[str, str]:
    """Environment that shares the cores between ``n_drivers`` drivers, unless the user has decided."""
    if config.compute.threads is not None or "OMP_NUM_THREADS" in os.environ:
        return {}
    return {"OMP_NUM_THREADS": str(threads_per_driver(n_drivers))}


def gpus_to_share(device: str) -> list[str]:
    """The GPUs of this machine that drivers on a device should share out: none unless it is ``cuda`` without a number.

    They are those of ``CUDA_VISIBLE_DEVICES``, else all that the driver of the kernel knows.
    """
    if device != "cuda":
        return []
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return [name.strip() for name in visible.split(",") if name.strip()]
    return [str(number) for number in range(len(list(_GPUS.glob("*"))))]
