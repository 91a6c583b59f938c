"""Models that nequip-compile made."""

from __future__ import annotations

import pytest
from nequip.integrations.ase import NequIPCalculator

from moe_ipi.errors import ModelError
from moe_ipi.experts.nequip.load import load_nequip_model
from tests.helpers import tiny_models
from tests.helpers.comparison import assert_equals_calculator


@pytest.mark.slow
@pytest.mark.parametrize("target", ["pair_nequip", "pair_allegro", "ase", "batch"])
def test_artifacts_of_nequip_compile(package, tmp_path, target):
    artifact = tmp_path / "model.nequip.pt2"
    arguments = (package, artifact, "--mode", "aotinductor", "--device", "cpu", "--target", target)
    tiny_models.run_nequip("nequip.scripts.compile", *arguments)
    expert = load_nequip_model(artifact)
    assert_equals_calculator(
        expert, NequIPCalculator._from_saved_model(package, chemical_species_to_atom_type_map=True), 1e-11
    )


@pytest.mark.slow
def test_artifact_of_another_target_is_refused(package, tmp_path):
    artifact = tmp_path / "model.nequip.pt2"
    fields = ["pos", "edge_index", "atom_types"]
    arguments = (package, artifact, "--mode", "aotinductor", "--device", "cpu", "--input-fields", *fields)
    tiny_models.run_nequip("nequip.scripts.compile", *arguments, "--output-fields", "total_energy")
    with pytest.raises(ModelError, match=r"cannot serve as an expert .*--target pair_nequip"):
        load_nequip_model(artifact)
