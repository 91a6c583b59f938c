"""What a checkpoint remembers besides the assignment."""

from __future__ import annotations

import numpy as np
import pytest
from ipi.utils.io.inputs.io_xml import read_dict, write_dict

from moe_ipi.inband.memory import CheckpointError, Memory, decode, encode

MEMORY = Memory([0.1 + 0.2, -1e-300], {"age": [0, 3, 1], "samples": 2, "sums": [[[4, 0, 1]]]})


def test_i_pi_keeps_it_to_the_last_bit() -> None:
    text = encode(MEMORY)
    assert decode(read_dict(write_dict({"moe_memory": text}))["moe_memory"], 2) == MEMORY
    assert encode(MEMORY) == text


@pytest.mark.parametrize("place", [3, 20, -1])
def test_damage_is_noticed(place: int) -> None:
    letters = np.array(list(encode(MEMORY)))
    letters[place] = "0" if letters[place] != "0" else "1"
    with pytest.raises(CheckpointError, match="moe_memory in the <parameters> is damaged"):
        decode("".join(letters), 2)


def test_another_number_of_systems() -> None:
    with pytest.raises(CheckpointError, match="of 2 systems, and this run has 3"):
        decode(encode(MEMORY), 3)
