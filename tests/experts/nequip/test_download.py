"""Models of nequip.net: by NequIP's own loader, and without a network in one line."""

import pytest
import requests
from ase.build import bulk
from ase.io import write

from moe_ipi import MoEPotential, load_config
from moe_ipi.experts.nequip import download, internals
from moe_ipi.inband.identity import identity_of

CONFIG = """
[experts.complex]
path = "nequip.net:group/model:1.0"
key = "sole_model"
[experts.bulk]
path = "{bulk}"
key = "bulk"
{more}
[regions]
radius = 3.0
[validation]
element = "Pt"
lattice_parameter = 3.977
"""


@pytest.fixture(autouse=True)
def nothing_downloaded():
    download._downloaded.cache_clear()
    yield
    download._downloaded.cache_clear()


@pytest.fixture
def config(tmp_path, package):
    def make(more=""):
        (tmp_path / "moe.toml").write_text(CONFIG.format(bulk=package, more=more))
        return tmp_path / "moe.toml"

    return make


def test_the_model_is_the_one_that_nequip_loads(config, package, monkeypatch):
    asked = []

    def fetched(name):
        asked.append(name)
        return package

    monkeypatch.setattr(internals, "fetched", fetched)
    loaded = load_config(config())
    assert str(loaded.experts.complex.path) == "nequip.net:group/model:1.0"
    potential = MoEPotential.from_config(loaded, ["Pt"])
    MoEPotential.from_config(loaded, ["Pt"])
    assert asked == ["nequip.net:group/model:1.0"] and potential.complex.cutoff == 4.0


def test_without_a_network_there_is_one_line(config, tmp_path, monkeypatch, command):
    def nowhere(*args, **kwargs):
        raise requests.ConnectionError("no route to www.nequip.net")

    monkeypatch.setattr(requests.Session, "get", nowhere)
    write(tmp_path / "pt.xyz", bulk("Pt", cubic=True), format="extxyz")
    code, _, error = command("validate", "-c", str(config()), "--structure", str(tmp_path / "pt.xyz"))
    assert code == 1 and error.count("\n") == 1
    assert "cannot download the model 'nequip.net:group/model:1.0' (ConnectionError: no route" in error


def test_identity_needs_no_network_and_knows_offsets(config):
    plain = identity_of(load_config(config()), ["Pt"])
    other = identity_of(load_config(config("offsets = { Pt = 0.1 }")), ["Pt"])
    assert plain.differences(other, regions=True) == ["another bulk expert"]
