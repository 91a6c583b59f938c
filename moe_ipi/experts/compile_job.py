"""Compile one model into an artifact that takes edge vectors; run as a process of its own.

A thin front of ``nequip-compile``, to which it adds the compile target ``moe_ipi``: edge vectors in,
atomic energies and edge gradients out.  A process of its own keeps the compiler's global state away.
"""

from __future__ import annotations

import argparse
import itertools

from nequip.data import AtomicDataDict
from nequip.nn.utils import with_edge_vectors_
from nequip.scripts import compile as nequip_compile
from nequip.scripts._compile_utils import (
    register_compile_targets,
    single_frame_batch_map_settings,
    single_frame_data_settings,
)

from moe_ipi.experts.artifacts import STAR_INPUTS, STAR_OUTPUTS, STAR_TARGET


def _with_vectors(data: AtomicDataDict.Type) -> AtomicDataDict.Type:
    return with_edge_vectors_(single_frame_data_settings(data), with_lengths=False)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("artifact")
    parser.add_argument("--device", required=True)
    parser.add_argument("--key", required=True)
    args = parser.parse_args()
    register_compile_targets(
        {
            STAR_TARGET: {
                "input": STAR_INPUTS,
                "output": STAR_OUTPUTS,
                "batch_map_settings": single_frame_batch_map_settings,
                "data_settings": _with_vectors,
            }
        }
    )
    options = {"--mode": "aotinductor", "--device": args.device, "--model": args.key, "--target": STAR_TARGET}
    nequip_compile.main([args.model, args.artifact, *itertools.chain(*options.items())])


if __name__ == "__main__":
    main()
