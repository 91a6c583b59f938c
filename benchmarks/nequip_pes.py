"""NequIP's own ASE calculator as a PES of i-PI; run as a program, as a client of ASE."""

from __future__ import annotations

import sys

import torch
from ase.calculators.socketio import SocketClient
from ase.io import read
from ipi.pes._ase import ASEDriver
from nequip.integrations.ase import NequIPCalculator

__DRIVER_NAME__ = "nequip"
__DRIVER_CLASS__ = "NequIPDriver"


class NequIPDriver(ASEDriver):
    """i-PI's ASE driver with the calculator of a compiled model."""

    def __init__(self, model: str, template: str, *args: object, **kwargs: object) -> None:
        self._model = model
        super().__init__(template, *args, **kwargs)

    def check_parameters(self) -> None:
        """See the base class."""
        super().check_parameters()
        torch.set_num_threads(1)
        self.ase_calculator = NequIPCalculator.from_compiled_model(self._model, device="cpu")


def main(model: str, socket: str) -> None:
    atoms = read("init.extxyz")
    atoms.calc = NequIPCalculator.from_compiled_model(model, device="cpu")
    atoms.get_forces()
    SocketClient(unixsocket=socket).run(atoms, use_stress=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
