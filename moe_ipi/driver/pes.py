"""The potential as a PES of i-PI, for ``i-pi-py_driver -m custom -P`` and ``<ffdirect>``.

i-PI is given the path of this file (``moe-ipi pes-path``): it knows no PES besides its own by name.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Sequence
from typing import NoReturn

import numpy as np
from ipi.pes.dummy import Dummy_driver
from ipi.utils.softexit import softexit

from moe_ipi.config import load_config
from moe_ipi.driver.evaluator import Evaluator
from moe_ipi.driver.protocol import Result
from moe_ipi.errors import ConfigError, MoEError
from moe_ipi.memory import keep_freed_memory
from moe_ipi.models import find_config
from moe_ipi.typing import FloatArray

# i-PI reads these two.
__DRIVER_NAME__ = "moe_ipi"
__DRIVER_CLASS__ = "MoEDriver"


class MoEDriver(Dummy_driver):
    """A two-expert potential behind i-PI's PES interface.

    Args:
        config: path of the ``moe.toml``, or the name of a shipped pair.
        template: file of the structure i-PI starts from; taken from the config if not given.
        device: overrides ``compute.device`` of the config.
        compile: overrides ``compute.compile`` of the config.

    Raises:
        SystemExit: something cannot be used.  i-PI prints a traceback for any other exception; so the user reads one
            line that begins with ``moe-ipi: error:``.
    """

    def __init__(
        self,
        config: str | None = None,
        template: str | None = None,
        device: str | None = None,
        compile: bool | None = None,
        *args: object,
        **kwargs: object,
    ) -> None:
        self._options = (config, template, device, compile)
        super().__init__(*args, **kwargs)

    def check_parameters(self) -> None:
        """Load and use the models once; called by i-PI's base class."""
        keep_freed_memory()
        try:
            self.evaluator = self._load(*self._options)
            self.evaluator.warm_up()
        except MoEError as error:
            raise SystemExit(f"moe-ipi: error: {error}") from error

    def _load(self, config: str | None, template: str | None, device: str | None, compile: bool | None) -> Evaluator:
        if config is None:
            raise ConfigError("the PES needs its config: -o config=moe.toml,template=init.xyz")
        loaded = load_config(find_config(config))
        structure = template if template is not None else loaded.template
        if structure is None:
            raise ConfigError(
                "i-PI does not send species: give the structure it starts from, -o config=moe.toml,template=init.xyz"
            )
        return Evaluator.from_config(loaded, structure, device=device, compile=compile)

    def compute(
        self, cell: FloatArray | Sequence[FloatArray], pos: FloatArray | Sequence[FloatArray]
    ) -> Result | list[Result]:
        """Evaluate one structure, or a list of them as one batch.

        Args:
            cell: (3, 3), bohr, columns are lattice vectors; or a list of B such arrays.
            pos: (N, 3), bohr; or a list of B such arrays.

        Returns:
            (potential, forces, virial, extras) in atomic units; a list of them if lists were given.

        Raises:
            SystemExit: a structure cannot be evaluated, see the class; an i-PI that runs in this process has been
                stopped before, with its RESTART written.
        """
        batched = isinstance(cell, list)
        try:
            results = self.evaluator.evaluate(
                np.array(pos if batched else [pos]), np.array(cell if batched else [cell])
            )
        except MoEError as error:
            _stop(error)
        return results if batched else results[0]

    compute_structure = compute


def _stop(error: MoEError) -> NoReturn:
    """Stop the process: i-PI reports an exception with a traceback, and waits for ever if its thread dies of one."""
    line = f"moe-ipi: error: {error}"
    # Functions are registered only in a process in which i-PI itself runs (<ffdirect>).
    if softexit.flist:
        softexit.cleanup("bad", str(error))
    if threading.current_thread() is threading.main_thread():
        raise SystemExit(line)
    print(line, file=sys.stderr, flush=True)
    sys.stdout.flush()
    os._exit(1)
