"""Compile one model into an artifact that takes edge vectors; run as a process of its own.

A thin front of ``nequip-compile``, to which it adds the compile target ``moe_ipi``: edge vectors in,
atomic energies and edge gradients out.  What was compiled is compared with the model.  A process of its own keeps the
compiler's global state away.
"""

from __future__ import annotations

import argparse
import itertools
import sys
from pathlib import Path

import numpy as np
import torch
from nequip.scripts import compile as nequip_compile

from moe_ipi.experts.nequip.artifacts import load_artifact
from moe_ipi.experts.nequip.cache import CompileOptions
from moe_ipi.experts.nequip.chunk import crystal_like
from moe_ipi.experts.nequip.internals import before_export, register_target
from moe_ipi.experts.nequip.load import load_nequip_model
from moe_ipi.experts.nequip.own_artifacts import EDGE_INPUTS, EDGE_OUTPUTS, EDGE_TARGET
from moe_ipi.experts.nequip.products import with_sparse_products
from moe_ipi.experts.nequip.splines import with_dense_splines

#: Largest error of energies and gradients, relative to the RMS of the model's: of single precision, and of TF32.
TOLERANCE = {False: 1e-4, True: 1e-2}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("artifact", type=Path)
    parser.add_argument("--device", required=True)
    parser.add_argument("--key", required=True)
    parser.add_argument("--tf32", action="store_true")
    parser.add_argument("--modifiers", nargs="+", default=[])
    args = parser.parse_args()
    register_target(EDGE_TARGET, EDGE_INPUTS, EDGE_OUTPUTS)
    options = {"--mode": "aotinductor", "--device": args.device, "--model": args.key, "--target": EDGE_TARGET}
    more = CompileOptions(args.tf32, tuple(args.modifiers)).arguments
    files = [str(args.model), str(args.artifact)]
    # The files last but for an option: --modifiers would take them for its own.
    with before_export(lambda model: faster(model, args.device)):
        nequip_compile.main([*more, *itertools.chain(*options.items()), *files])
    error = largest_error(args.model, args.artifact, args.key, args.device)
    if not error <= TOLERANCE[args.tf32]:
        args.artifact.unlink()
        sys.exit(f"the compiled model differs from the model by {error:.2g} of its energies or gradients")


def faster(model: torch.nn.Module, device: str) -> torch.nn.Module:
    """The same function, as compilers take it best."""
    model = with_dense_splines(model)
    # Measured on CPUs only.
    return with_sparse_products(model) if device == "cpu" else model


def largest_error(model: Path, artifact: Path, key: str, device: str) -> float:
    """How much a compiled model differs from the model on edges of many lengths, relative to the model's RMS."""
    exact = load_nequip_model(model, key=key, device=device)
    environments = crystal_like(exact, 1_000)
    expected = exact.evaluate(environments)
    found = load_artifact(artifact, "compiled", torch.device(device)).evaluate(environments)
    errors = [np.abs(a - b).max() / np.sqrt(np.mean(np.square(b))) for a, b in zip(found, expected, strict=True)]
    return float(np.max(errors))


if __name__ == "__main__":
    main()
