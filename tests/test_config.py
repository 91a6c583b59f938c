"""moe.toml: what is accepted, and that every refusal names the key."""

from __future__ import annotations

from pathlib import Path

import pytest
from configs import PAIR

from moe_ipi.config import load_config
from moe_ipi.errors import ConfigError

REGIONS = "[regions]\nradius = 4.0\n"


def load(tmp_path: Path, text: str):
    path = tmp_path / "moe.toml"
    path.write_text(text)
    return load_config(path)


def test_defaults(tmp_path):
    config = load(tmp_path, PAIR + REGIONS)
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
    config = load(tmp_path, PAIR + REGIONS + rules)
    types = ["species", "indices", "slab", "box", "coordination", "centrosymmetry", "agreement"]
    assert [r.type for r in config.regions.rules] == types
    assert config.regions.rules[4].average is False
    assert config.regions.rules[5].neighbors == 12
    assert config.regions.needs_disagreement
    assert not load(tmp_path, PAIR + REGIONS).regions.needs_disagreement


def test_two_radii(tmp_path):
    regions = load(tmp_path, PAIR + "[regions]\nradius_in = 3.0\nradius_out = 3.5\n").regions
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
        (PAIR, "regions: is missing"),
        (REGIONS, "experts: is missing"),
        (PAIR + "[regions]\n", "regions: give radius, or both radius_in and radius_out"),
        (PAIR + "[regions]\nradius_in = 3.0\n", "regions: give radius, or both radius_in and radius_out"),
        (PAIR + "[regions]\nradius = 4.0\nradius_out = 5.0\n", "regions: give either radius, or .* not both"),
        (PAIR + "[regions]\nradius_in = 4.0\nradius_out = 3.0\n", "radius_in must not be larger than radius_out"),
        (PAIR + REGIONS + "dwell = -1\n", r"regions\.dwell"),
        (PAIR + REGIONS + "[segments]\nunion = 'mean'\n", r"segments\.union: .*'beads'.*got 'mean'"),
        (PAIR + REGIONS + "[segments]\nsample_steps = 0\n", r"segments\.sample_steps"),
        (PAIR + REGIONS + "[segments]\nsegment_steps = -1\n", r"segments\.segment_steps"),
        (PAIR + REGIONS + "[segments]\nsegment_step = 10\n", r"segments\.segment_step: is not a known key"),
        (PAIR + REGIONS + "[segments]\nmonitor_threshold = 0.0\n", r"segments\.monitor_threshold: .*greater than 0"),
        (
            PAIR + REGIONS + "[[regions.rules]]\ntype='agreement'\ntolerance=0\n",
            r"rules\.0\.tolerance: .*greater than 0",
        ),
        (
            PAIR
            + REGIONS
            + "[[regions.rules]]\ntype='centrosymmetry'\nspecies=['Pt']\ncutoff=3\nabove=1\nneighbors=7\n",
            r"rules\.0\.neighbors: .*multiple of 2",
        ),
        (PAIR + "[regions]\nradius = -1.0\n", r"regions\.radius: .*greater than or equal to 0.*got -1"),
        (PAIR + "[regions]\nradius = nan\n", r"regions\.radius: .*finite"),
        (PAIR + REGIONS + "[compute]\ndevise = 'cpu'\n", r"compute\.devise: is not a known key"),
        (PAIR + REGIONS + "[compute]\ndevice = 'gpu'\n", r"compute\.device: .*got 'gpu'"),
        (PAIR + REGIONS + "[compute]\nthreads = 0\n", r"compute\.threads"),
        (PAIR + REGIONS + "[driver]\nextras = ['forces']\n", r"driver\.extras\.0"),
        (PAIR + REGIONS + "[[regions.rules]]\ntype = 'sphere'\n", r"regions\.rules\.0: .*'sphere'"),
        (PAIR + REGIONS + "[[regions.rules]]\nspecies = ['C']\n", r"regions\.rules\.0"),
        (
            PAIR + REGIONS + "[[regions.rules]]\ntype = 'species'\nspecies = ['Qq']\n",
            r"rules\.0\.species\.0: 'Qq' is not",
        ),
        (PAIR + REGIONS + "[[regions.rules]]\ntype = 'species'\nspecies = []\n", r"regions\.rules\.0\.species"),
        (PAIR + REGIONS + "[[regions.rules]]\ntype = 'indices'\nindices = [-1]\n", r"regions\.rules\.0\.indices\.0"),
        (PAIR + REGIONS + "[[regions.rules]]\ntype='slab'\naxis='z'\nmin=2.0\nmax=1.0\n", "min must not be larger"),
        (PAIR + REGIONS + "[[regions.rules]]\ntype='box'\nmin=[0,0,2]\nmax=[1,1,1]\n", "min must not be larger"),
        (
            PAIR + REGIONS + "[[regions.rules]]\ntype='coordination'\nspecies=['Pt']\nbelow=9\n",
            r"rules\.0\.cutoff: is missing",
        ),
        (PAIR.replace('"bulk"\n', '"cheap"\n') + REGIONS, r"experts\.bulk\.parameters"),
        (PAIR.replace('type = "pair"', "", 1) + REGIONS, r"experts\.complex\.path: is missing"),
        (PAIR.replace('type = "pair"', 'type = "mace"', 1) + REGIONS, r"experts\.complex: .*'mace'"),
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
