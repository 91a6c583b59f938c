"""Training data without the labels that the loss needs: what is said."""

import numpy as np
import pytest
from ase.build import bulk
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import write

from moe_ipi.cotraining.labels import check_labels
from moe_ipi.cotraining.module import named_terms
from moe_ipi.errors import ConfigError
from tests.cotraining.test_module import module

TERMS = {"complex_energy", "mixed_forces", "bulk_stress", "agreement_energy"}
MAPPING = {"REF_energy": "total_energy", "REF_forces": "forces", "REF_stress": "stress"}


@pytest.fixture
def data(tmp_path):
    """Config of a data module: labels as ASE names them in one file, under other names in the other."""
    frame = bulk("Pt", cubic=True)
    labels = {"energy": -1.0, "forces": np.ones((4, 3)), "stress": np.zeros(6)}
    frame.calc = SinglePointCalculator(frame, **labels)
    write(tmp_path / "plain.xyz", frame, format="extxyz")
    frame.calc = None
    frame.info |= {"REF_energy": labels["energy"], "REF_stress": labels["stress"]}
    frame.arrays["REF_forces"] = labels["forces"]
    write(tmp_path / "other.xyz", frame, format="extxyz")
    target = "nequip.data.datamodule.ASEDataModule"
    return {"_target_": target, "train_file_path": str(tmp_path / "plain.xyz"), "val_file_path": []}


def test_labels_that_are_there(data, tmp_path):
    check_labels(data, TERMS)
    check_labels(data | {"val_file_path": [str(tmp_path / "other.xyz")], "key_mapping": MAPPING}, TERMS)
    check_labels({"_target_": "nequip.data.datamodule.TM23DataModule"}, TERMS)


@pytest.mark.parametrize(
    ("mapping", "terms", "what", "written"),
    [
        ({}, TERMS, "no energy and no forces and no stress", "{REF_energy: total_energy, REF_forces: forces, REF_s"),
        (
            {},
            {"complex_energy"},
            "no energy; it has REF_energy, REF_forces, REF_stress:",
            "{REF_energy: total_energy}$",
        ),
        # As moe.toml names it, and not NequIP.
        (
            MAPPING | {"REF_energy": "energy"},
            TERMS,
            "no energy",
            "{REF_energy: total_energy, REF_forces: forces, REF_s",
        ),
        (dict(list(MAPPING.items())[:2]), TERMS, "no stress", "without stresses remove the terms bulk_stress"),
    ],
)
def test_labels_under_other_names(data, tmp_path, mapping, terms, what, written):
    data |= {"test_file_path": str(tmp_path / "other.xyz"), "key_mapping": mapping}
    with pytest.raises(ConfigError, match=rf"the first frame of '.*other\.xyz' has {what}.*{written}"):
        check_labels(data, terms)


def test_a_training_looks_before_it_begins(data, tmp_path):
    data |= {"train_file_path": [str(tmp_path / "other.xyz")], "transforms": []}
    loss = {"_target_": "moe_ipi.cotraining.CoTrainingLoss", "coeffs": {"complex_forces": 1.0, "bulk_stress": 0.0}}
    assert named_terms({"loss": loss, "val_metrics": {"coeffs": {"bulk_energy": None}}}) == {
        "complex_forces",
        "bulk_energy",
    }
    # To be loaded, say to be packaged on another machine, a training needs no data.
    pair = module(loss=loss, info_dict={"data": data})
    with pytest.raises(ConfigError, match="has no forces; it has REF_energy, REF_forces, REF_stress"):
        pair.setup("fit")


def test_a_distillation_needs_no_labels(data, tmp_path):
    experts = {"complex": {"_target_": "tests.helpers.tiny_models.allegro", "seed": 1}}
    experts["bulk"] = experts["complex"] | {"seed": 2}
    model = {"_target_": "moe_ipi.cotraining.two_experts", "frozen": ["complex"], **experts}
    loss = {"_target_": "moe_ipi.cotraining.CoTrainingLoss", "coeffs": {"bulk_forces": 1.0}}
    data |= {"train_file_path": str(tmp_path / "other.xyz")}
    module(agreement="frozen", model=model, loss=loss, info_dict={"data": data}).setup("fit")
