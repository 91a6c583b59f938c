"""What was compiled is compared with the model."""

from __future__ import annotations

import pytest

from moe_ipi.experts.nequip import compile_job
from moe_ipi.experts.nequip.compile_job import TOLERANCE, largest_error
from moe_ipi.experts.nequip.load import load_nequip_model


@pytest.mark.parametrize(("scale", "fits"), [(1.0, True), (1.0 + 1e-6, True), (1.001, False), (float("nan"), False)])
def test_error_of_a_compiled_model(package, monkeypatch, scale, fits):
    class Compiled:
        def evaluate(self, environments):
            energies, gradients = exact.evaluate(environments)
            return scale * energies, scale * gradients

    exact = load_nequip_model(package, key="bulk")
    monkeypatch.setattr(compile_job, "load_artifact", lambda *arguments: Compiled())
    error = largest_error(package, package, "bulk", "cpu")
    assert (error <= TOLERANCE[False]) is fits


def test_edges_do_not_only_lie_at_the_cutoff(package):
    exact = load_nequip_model(package, key="bulk")
    environments = compile_job.crystal_like(exact, 1000)
    energies, gradients = exact.evaluate(environments)
    assert energies.std() > 0 and abs(gradients).max() > 0
