"""The work behind ``moe-ipi driver``: load, warm up, connect to i-PI, serve until it is done."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import NoReturn

from moe_ipi.config import Config, load_config
from moe_ipi.driver.address import Server
from moe_ipi.driver.client import run_client
from moe_ipi.driver.log import Log, log_to_stderr
from moe_ipi.errors import ConfigError
from moe_ipi.models import find_config
from moe_ipi.signals import handled


def run_driver(
    config: str | Path,
    server: Server,
    template: str | Path | None = None,
    *,
    device: str | None = None,
    compile: bool | None = None,
    connect_timeout: float = 60.0,
    reconnect: bool = False,
    log: Log = log_to_stderr,
) -> int:
    """Serve i-PI (or any server that speaks its protocol) until it says ``EXIT`` or closes the connection.

    The models are loaded and used once before the connection is opened, because i-PI stops serving every other
    driver while it waits for the handshake of a new one.

    Args:
        config: path of the ``moe.toml``, or the name of a shipped pair.
        server: where i-PI listens.
        template: structure file with the species in i-PI's order of atoms; ``None`` takes ``template`` of the config.
        device: ``"cpu"``, ``"cuda"``, ``"cuda:1"``...; ``None`` takes ``compute.device`` of the config.
        compile: compile the models with AOTInductor; ``None`` takes ``compute.compile`` of the config.
        connect_timeout: seconds during which a refused connection, or a missing socket file, is tried again.
        reconnect: serve one server after the other, with the models loaded once, until none comes in that time.
        log: receives one line of text at a time, without a line end.

    Returns:
        The number of structures that were evaluated.  SIGTERM and Ctrl-C close the connection such that i-PI hands the
        structure to another driver; SIGTERM then ends the process with status 143.

    Raises:
        ConfigError: the config cannot be used, or no template is named.
        ModelError: a model cannot serve as an expert.
        StructureError: the template cannot be read, or the server sent a structure that cannot be evaluated.
        ProtocolError: the server could not be reached, broke the protocol, or vanished with a request unanswered.
    """
    from moe_ipi.driver.evaluator import Evaluator

    loaded, template = loaded_with_template(config, template)
    evaluator = Evaluator.from_config(loaded, template, device=device, compile=compile, log=log)
    evaluator.warm_up()
    with sigterm_as_exit():
        return run_client(server, evaluator, connect_timeout=connect_timeout, reconnect=reconnect, log=log)


def loaded_with_template(config: str | Path, template: str | Path | None) -> tuple[Config, str | Path]:
    """The config, and the path of the template that is given or named in it.

    Raises:
        ConfigError: the config cannot be used, or no template is named.
    """
    loaded = load_config(find_config(config))
    template = template if template is not None else loaded.template
    if template is None:
        raise ConfigError(
            "i-PI does not send species: give the structure it starts from with --template, "
            f"or as 'template' in {config}"
        )
    return loaded, template


@contextmanager
def sigterm_as_exit() -> Iterator[None]:
    """Let SIGTERM unwind the stack, so that the client closes its connection in a way that i-PI survives."""

    def stop(number: int, frame: FrameType | None) -> NoReturn:
        raise SystemExit(128 + number)

    with handled((signal.SIGTERM,), stop):
        yield
