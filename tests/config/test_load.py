"""moe.toml: what is accepted, and that every refusal names the key."""

from __future__ import annotations

from pathlib import Path

import pytest

from moe_ipi.config import load_config
from moe_ipi.errors import ConfigError
from tests.helpers.configs import ANALYTIC

REGIONS = "[regions]\nradius = 4.0\n"
GOOD = ANALYTIC + REGIONS


def load(tmp_path: Path, text: str):
    path = tmp_path / "moe.toml"
    path.write_text(text)
    return load_config(path)


def test_defaults(tmp_path):
    config = load(tmp_path, GOOD)
    assert config.regions.radius == 4.0
    assert (config.regions.inner, config.regions.outer) == (4.0, 4.0)
    assert config.regions.dwell == 0
    assert config.regions.rules == []
    assert config.segments.segment_steps is None
    assert config.segments.sample_steps == 10
    assert config.segments.union == "beads"
    assert (config.segments.monitor, config.segments.monitor_threshold) == (0, None)
    assert config.compute.device == "cpu"
    assert config.compute.compile is False
    assert config.compute.skin == 0.5
    assert config.template is None


def test_every_rule(tmp_path):
    rules = """
[[regions.rules]]
type = "species"
species = ["C", "O"]
[[regions.rules]]
type = "indices"
indices = [0, 3]
[[regions.rules]]
type = "slab"
axis = "z"
min = 1.0
max = 2.0
[[regions.rules]]
type = "box"
min = [0, 0, 0]
max = [1, 2, 3]
[[regions.rules]]
type = "coordination"
species = ["Pt"]
cutoff = 3.4
below = 9
[[regions.rules]]
type = "centrosymmetry"
species = ["Pt"]
cutoff = 3.6
above = 2.0
[[regions.rules]]
type = "agreement"
tolerance = 0.01
"""
    config = load(tmp_path, GOOD + rules)
    types = ["species", "indices", "slab", "box", "coordination", "centrosymmetry", "agreement"]
    assert [r.type for r in config.regions.rules] == types
    assert config.regions.rules[4].average is False
    assert config.regions.rules[5].neighbors == 12
    assert config.regions.needs_disagreement
    assert not load(tmp_path, GOOD).regions.needs_disagreement


def test_two_radii(tmp_path):
    regions = load(tmp_path, ANALYTIC + "[regions]\nradius_in = 3.0\nradius_out = 3.5\n").regions
    assert (regions.inner, regions.outer) == (3.0, 3.5)


def test_paths_are_relative_to_the_file(tmp_path, monkeypatch):
    monkeypatch.chdir("/")
    text = 'template = "init.xyz"\n[experts.complex]\npath = "a.nequip.zip"\n'
    text += '[experts.bulk]\npath = "/b.ckpt"\nkey = "bulk"\n'
    config = load(tmp_path, text + REGIONS)
    assert config.experts.complex.path == tmp_path / "a.nequip.zip"
    assert config.experts.bulk.path == Path("/b.ckpt")
    assert config.experts.bulk.key == "bulk"
    assert config.template == tmp_path / "init.xyz"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (ANALYTIC, "regions: is missing"),
        (REGIONS, "experts: is missing"),
        (ANALYTIC + "[regions]\n", "regions: give radius, or both radius_in and radius_out"),
        (ANALYTIC + "[regions]\nradius_in = 3.0\n", "regions: give radius, or both radius_in and radius_out"),
        (ANALYTIC + "[regions]\nradius = 4.0\nradius_out = 5.0\n", "regions: give either radius, or .* not both"),
        (ANALYTIC + "[regions]\nradius_in = 4.0\nradius_out = 3.0\n", "radius_in must not be larger than radius_out"),
        (GOOD + "dwell = -1\n", r"regions\.dwell"),
        (GOOD + "[segments]\nunion = 'mean'\n", r"segments\.union: .*'beads'.*got 'mean'"),
        (GOOD + "[segments]\nsample_steps = 0\n", r"segments\.sample_steps"),
        (GOOD + "[segments]\nsegment_steps = -1\n", r"segments\.segment_steps"),
        (GOOD + "[segments]\nsegment_step = 10\n", r"segments\.segment_step: is not a known key"),
        (
            GOOD + "[segments]\nmonitor_threshold = 0.0\n",
            r"segments\.monitor_threshold: .*greater than 0",
        ),
        (
            GOOD + "[[regions.rules]]\ntype='agreement'\ntolerance=0\n",
            r"rules\.0\.tolerance: .*greater than 0",
        ),
        (
            GOOD + "[[regions.rules]]\ntype='centrosymmetry'\nspecies=['Pt']\ncutoff=3\nabove=1\nneighbors=7\n",
            r"rules\.0\.neighbors: .*multiple of 2",
        ),
        (ANALYTIC + "[regions]\nradius = -1.0\n", r"regions\.radius: .*greater than or equal to 0.*got -1"),
        (ANALYTIC + "[regions]\nradius = nan\n", r"regions\.radius: .*finite"),
        (GOOD + "[compute]\ndevise = 'cpu'\n", r"compute\.devise: is not a known key"),
        (GOOD + "[compute]\ndevice = 'gpu'\n", r"compute\.device: .*got 'gpu'"),
        (GOOD + "[compute]\nthreads = 0\n", r"compute\.threads"),
        (GOOD + "[driver]\nextras = ['forces']\n", r"driver\.extras\.0"),
        (GOOD + "[[regions.rules]]\ntype = 'sphere'\n", r"regions\.rules\.0: .*'sphere'"),
        (GOOD + "[[regions.rules]]\nspecies = ['C']\n", r"regions\.rules\.0"),
        (
            GOOD + "[[regions.rules]]\ntype = 'species'\nspecies = ['Qq']\n",
            r"rules\.0\.species\.0: 'Qq' is not",
        ),
        (GOOD + "[[regions.rules]]\ntype = 'species'\nspecies = []\n", r"regions\.rules\.0\.species"),
        (
            GOOD + "[[regions.rules]]\ntype = 'indices'\nindices = [-1]\n",
            r"regions\.rules\.0\.indices\.0",
        ),
        (GOOD + "[[regions.rules]]\ntype='slab'\naxis='z'\nmin=2.0\nmax=1.0\n", "min must not be larger"),
        (GOOD + "[[regions.rules]]\ntype='box'\nmin=[0,0,2]\nmax=[1,1,1]\n", "min must not be larger"),
        (
            GOOD + "[[regions.rules]]\ntype='coordination'\nspecies=['Pt']\nbelow=9\n",
            r"rules\.0\.cutoff: is missing",
        ),
        (ANALYTIC.replace('"bulk"\n', '"cheap"\n') + REGIONS, r"experts\.bulk\.parameters"),
        (ANALYTIC.replace('type = "finnis-sinclair"', "", 1) + REGIONS, r"experts\.complex\.path: is missing"),
        (ANALYTIC.replace('type = "finnis-sinclair"', 'type = "mace"', 1) + REGIONS, r"experts\.complex: .*'mace'"),
        ("experts = 3\n" + REGIONS, "experts"),
        ("[experts\n", "not valid TOML"),
    ],
)
def test_refusals_name_the_key_in_one_line(tmp_path, text, message):
    with pytest.raises(ConfigError, match=message) as error:
        load(tmp_path, text)
    assert "\n" not in str(error.value)
    assert "moe.toml" in str(error.value)


def test_missing_file(tmp_path):
    with pytest.raises(ConfigError, match=r"cannot read the config .*nothing\.toml.*give the path"):
        load_config(tmp_path / "nothing.toml")


def test_the_old_word_for_the_analytic_experts_is_named_in_one_line(tmp_path):
    with pytest.raises(ConfigError, match="'pair' of the complex expert is now called 'finnis-sinclair': write that"):
        load(tmp_path, GOOD.replace("finnis-sinclair", "pair"))


@pytest.mark.parametrize("content", [None, b"\xff\xfe", b"[experts\n", b"experts = 3\n"])
def test_the_cause_is_kept(tmp_path, content):
    """For --debug."""
    path = tmp_path / "moe.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError) as error:
        load_config(path)
    assert error.value.__cause__ is not None
