"""How data travel as text: nothing is lost, and nothing that is damaged is believed."""

from __future__ import annotations

import base64
import re
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from moe_ipi.inband import memory, token
from moe_ipi.inband.envelope import DamagedError, checksum, pack, seal, unpack, unseal

#: Made by version 0.1.0.  Checkpoints of users hold such texts: they must stay readable.
OLD_TOKEN = "moe1.s12.n12.c4.eNqbYAAAAVIAwQ.af1d1089"
OLD_MEMORY = (
    "mem1.eNqrVkrKz89OTVGyUohWMqgw1DNGAiYFukZKOgpKuiAJU7NUw7RkozSLNGNTywJdS0tzpVigXElRYnJ2ahFQf"
    "7VSYnoqyBwDHQVjHQVDkGxxYm5BTmoxUNQIxCvNBTGjo6NNdBQMQEpiY2trAcrUIrU.eba6f9d2"
)

BODIES = st.text(st.characters(codec="ascii", categories=("L", "N")), max_size=60)


@given(st.binary(max_size=3000))
def test_round_trip(data: bytes) -> None:
    text = pack(data)
    assert unpack(text) == data
    assert re.fullmatch(r"[A-Za-z0-9_-]*", text)
    assert pack(data) == text


@given(st.binary(min_size=1, max_size=500), st.data())
def test_a_text_that_is_cut_off_is_noticed(data: bytes, draw: st.DataObject) -> None:
    text = pack(data)
    with pytest.raises(DamagedError):
        unpack(text[: draw.draw(st.integers(0, len(text) - 1))])


@given(st.text(max_size=80))
def test_anything_else_is_refused_in_one_way(text: str) -> None:
    try:
        data = unpack(text)
    except DamagedError:
        return
    assert isinstance(data, bytes)


@given(st.binary(max_size=500), st.integers(1, 600))
def test_no_more_than_the_limit_is_unpacked(data: bytes, limit: int) -> None:
    assert unpack(pack(data), limit) == data[:limit]


def test_a_forged_text_is_no_allocation() -> None:
    bomb = base64.urlsafe_b64encode(zlib.compress(bytes(10**8), 9)).decode().rstrip("=")
    assert len(bomb) < 200_000
    assert unpack(bomb, 100) == bytes(100)


@given(BODIES)
def test_a_seal(body: str) -> None:
    text = seal(body)
    assert unseal(text) == body
    assert text == f"{body}.{checksum(text)}" and re.fullmatch("[0-9a-f]{8}", checksum(text))


@given(BODIES, st.data())
def test_one_wrong_character_breaks_the_seal(body: str, draw: st.DataObject) -> None:
    text = seal(body)
    place = draw.draw(st.integers(0, len(text) - 1))
    other = draw.draw(st.sampled_from(sorted(set("0aZ-.x9") - {text[place]})))
    with pytest.raises(DamagedError):
        unseal(text[:place] + other + text[place + 1 :])


@given(BODIES, st.data())
def test_a_seal_that_is_cut_off(body: str, draw: st.DataObject) -> None:
    text = seal(body)
    with pytest.raises(DamagedError):
        unseal(text[: draw.draw(st.integers(0, len(text) - 1))])


def test_texts_of_the_first_version_stay_readable() -> None:
    found = token.decode(OLD_TOKEN, 12)
    assert found.segment == 12
    np.testing.assert_array_equal(found.assignment, [k in (0, 3, 10, 11) for k in range(12)])
    remembered = memory.decode(OLD_MEMORY, 2)
    assert remembered == memory.Memory([0.1 + 0.2, -1e-300], {"age": [0, 3, 1], "samples": 2, "sums": [[[4, 0, 1]]]})
