"""What is written is read as the same configuration."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moe_ipi import load_config, pretrained
from moe_ipi.config import (
    ComputeConfig,
    Config,
    ExpertsConfig,
    FinnisSinclairExpert,
    ModelExpert,
    RegionsConfig,
    SegmentsConfig,
    SpeciesRule,
    ValidationConfig,
    write_config,
)

_NAMES = st.text(st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="/~"), min_size=1, max_size=20)
_MODELS = st.builds(
    ModelExpert,
    path=_NAMES.map(lambda name: Path(f"/models/{name}.zip")),
    key=st.none() | _NAMES,
    offsets=st.dictionaries(st.sampled_from(["Pt", "C", "O"]), st.floats(-1e3, 1e3)),
)
_EXPERTS = _MODELS | st.builds(
    FinnisSinclairExpert, type=st.just("finnis-sinclair"), parameters=st.sampled_from(["complex", "bulk"])
)
_CONFIGS = st.builds(
    Config,
    experts=st.builds(ExpertsConfig, complex=_EXPERTS, bulk=_EXPERTS),
    regions=st.lists(st.integers(0, 10**6), max_size=5).map(RegionsConfig.fixed)
    | st.builds(
        RegionsConfig,
        radius_in=st.floats(0, 4),
        radius_out=st.floats(4, 8),
        rules=st.just([SpeciesRule(type="species", species=["C", "O"])]),
    ),
    segments=st.builds(SegmentsConfig, segment_steps=st.none() | st.integers(0, 100)),
    compute=st.builds(ComputeConfig, compile=st.booleans(), threads=st.none() | st.integers(1, 64)),
    validation=st.none() | st.builds(ValidationConfig, element=st.just("Pt"), lattice_parameter=st.floats(1, 9)),
)


@given(_CONFIGS)
def test_what_is_written_is_read_as_the_same(config):
    with tempfile.TemporaryDirectory() as folder:
        assert load_config(write_config(Path(folder) / "moe.toml", config)) == config


@pytest.mark.parametrize("name", ["pt-co"])
def test_a_shipped_config_from_another_folder(tmp_path, name):
    config = load_config(pretrained(name))
    assert load_config(write_config(tmp_path / "moe.toml", config)) == config
