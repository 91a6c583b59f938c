"""Compile one model into an artifact that takes edge vectors; run as a process of its own.

A thin front of ``nequip-compile``, to which it adds the compile target ``moe_ipi``: edge vectors in,
atomic energies and edge gradients out.  A process of its own keeps the compiler's global state away.
"""

from __future__ import annotations

import argparse
import itertools

from nequip.scripts import compile as nequip_compile

from moe_ipi.experts.nequip.artifacts import EDGE_INPUTS, EDGE_OUTPUTS, EDGE_TARGET
from moe_ipi.experts.nequip.internals import register_target


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("artifact")
    parser.add_argument("--device", required=True)
    parser.add_argument("--key", required=True)
    args = parser.parse_args()
    register_target(EDGE_TARGET, EDGE_INPUTS, EDGE_OUTPUTS)
    options = {"--mode": "aotinductor", "--device": args.device, "--model": args.key, "--target": EDGE_TARGET}
    nequip_compile.main([args.model, args.artifact, *itertools.chain(*options.items())])


if __name__ == "__main__":
    main()
