"""A compiled model in the cache is loaded without NequIP."""

from __future__ import annotations

import subprocess
import sys

import pytest
from nequip.data import AtomicDataDict as Keys

from moe_ipi.errors import ModelError
from moe_ipi.experts.nequip.own_artifacts import EDGE_INPUTS, EDGE_OUTPUTS, load_own_artifact


def test_words_are_those_of_nequip():
    names = [Keys.POSITIONS_KEY, Keys.EDGE_VECTORS_KEY, Keys.EDGE_INDEX_KEY, Keys.ATOM_TYPE_KEY]
    assert names == EDGE_INPUTS
    assert [Keys.PER_ATOM_ENERGY_KEY, Keys.EDGE_FORCE_KEY] == EDGE_OUTPUTS


def test_the_way_to_it_does_not_import_nequip():
    code = (
        "import sys; import moe_ipi.potential, moe_ipi.driver.evaluator, moe_ipi.experts.nequip.load; "
        "print('SLOW:', {'nequip', 'e3nn', 'lightning'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert "SLOW: set()" in done.stdout, done.stderr


def test_what_is_no_artifact(tmp_path):
    path = tmp_path / "bulk.nequip.pt2"
    path.write_bytes(b"nothing")
    with pytest.raises(ModelError, match=r"cannot load the compiled bulk expert .*; compile it again"):
        load_own_artifact(path, "bulk")
