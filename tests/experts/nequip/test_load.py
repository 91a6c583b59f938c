"""Model files as experts: what is accepted, and what is refused."""

from __future__ import annotations

import pytest
from nequip.integrations.ase import NequIPCalculator

from moe_ipi.errors import ModelError
from moe_ipi.experts.nequip.load import load_nequip_model
from tests.helpers import tiny_models
from tests.helpers.comparison import assert_equals_calculator


@pytest.mark.parametrize("kind", ["checkpoint", "package"])
@pytest.mark.parametrize("key", ["sole_model", "bulk", None])
def test_checkpoint_and_package(kind, key, request):
    path = request.getfixturevalue(kind)
    calc = NequIPCalculator._from_saved_model(
        path, model_name=key or "sole_model", chemical_species_to_atom_type_map=True
    )
    expert = load_nequip_model(path, key=key)
    assert expert.species == tiny_models.TYPE_NAMES
    assert expert.cutoff == (3.5 if key == "bulk" else 4.0)
    assert_equals_calculator(expert, calc, 1e-12)


def test_unknown_key_is_named(checkpoint):
    with pytest.raises(
        ModelError, match=r"holds the models sole_model, bulk; set experts\.complex\.key .*got 'surface'"
    ):
        load_nequip_model(checkpoint, key="surface", name="complex")


def test_missing_file_is_named(tmp_path):
    with pytest.raises(ModelError, match=r"does not exist: .*nothing\.nequip\.zip; correct experts\.bulk\.path"):
        load_nequip_model(tmp_path / "nothing.nequip.zip", name="bulk")


@pytest.mark.parametrize("suffix", [".nequip.zip", ".ckpt", ".nequip.pt2", ".pt2"])
def test_garbage_is_refused_in_one_line(tmp_path, suffix):
    path = tmp_path / f"model{suffix}"
    path.write_bytes(b"not a model")
    with pytest.raises(ModelError, match="cannot load the") as error:
        load_nequip_model(path, name="bulk")
    assert "\n" not in str(error.value)
    assert error.value.__cause__ is not None  # what NequIP or torch said, for --debug


def test_torchscript_is_refused_by_name(tmp_path):
    path = tmp_path / "model.nequip.pth"
    path.write_bytes(b"")
    with pytest.raises(ModelError, match="TorchScript"):
        load_nequip_model(path)


def test_cuda_without_cuda(package):
    import torch

    if torch.cuda.is_available():
        pytest.skip("this machine has a CUDA device")
    with pytest.raises(ModelError, match="no CUDA device; use device"):
        load_nequip_model(package, device="cuda")
