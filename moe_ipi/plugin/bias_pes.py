"""The bias of an assignment as a PES of i-PI: ``<ffdirect>`` with ``<pes>custom</pes>`` and the path of this file.

i-PI keeps the force field, its parameters and the assignment among them in every checkpoint; so plain ``i-pi``
continues one with the assignment and its bias as they are.
"""

from __future__ import annotations

import json

import numpy as np
from ipi.pes.dummy import Dummy_driver

from moe_ipi.config import RegionsConfig
from moe_ipi.frames import PERIODIC
from moe_ipi.inband import token as tokens
from moe_ipi.inband.envelope import pack, seal, unpack, unseal
from moe_ipi.regions.smooth import SmoothRegions
from moe_ipi.typing import FloatArray
from moe_ipi.units import BOHR

__DRIVER_NAME__ = "moe_ipi_bias"
__DRIVER_CLASS__ = "BiasDriver"


def encode_setup(regions: RegionsConfig, species: tuple[str, ...], kT: float) -> str:
    """What a bias is made of, as text for ``<parameters>``; ``kT`` in hartree."""
    content = {"regions": regions.model_dump(mode="json"), "species": list(species), "kT": kT.hex()}
    return seal("bias1." + pack(json.dumps(content).encode()))


class BiasDriver(Dummy_driver):
    """B_a of :mod:`moe_ipi.regions.smooth`.

    Args:
        moe_bias: regions, species and temperature, see :func:`encode_setup`.
        moe_token: the assignment, see :mod:`moe_ipi.inband.token`.

    Raises:
        DamagedError, TokenError: one of them is not what was written.
    """

    def __init__(self, moe_bias: str = "", moe_token: str = "", *args: object, **kwargs: object) -> None:
        content = json.loads(unpack(unseal(moe_bias).removeprefix("bias1.")))
        self._kT = float.fromhex(content["kT"])
        self._species = content["species"]
        self.regions = SmoothRegions(RegionsConfig.model_validate(content["regions"]), self._species)
        self.set_token(moe_token)
        super().__init__(*args, **kwargs)

    def set_token(self, text: str) -> None:
        """Take another assignment."""
        self._assignment = tokens.decode(text, len(self._species)).assignment

    def compute_structure(self, cell: FloatArray, pos: FloatArray) -> tuple[float, FloatArray, FloatArray, str]:
        """One structure, in i-PI's units: (3, 3) cell with lattice vectors in columns, (N, 3) positions, both in bohr.

        Raises:
            StructureError, ConfigError: see :meth:`moe_ipi.regions.smooth.SmoothRegions.bias`.
        """
        positions, vectors = np.array(pos, np.float64) * BOHR, np.array(cell, np.float64).T * BOHR
        bias = self.regions.bias(positions, vectors, PERIODIC, self._assignment)
        return self._kT * bias.energy, self._kT * BOHR * bias.forces, self._kT * bias.virial, ""
