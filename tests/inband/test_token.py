"""The token: an assignment as text."""

from __future__ import annotations

import re
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ipi.utils.io.inputs.io_xml import read_dict, write_dict

from moe_ipi.inband.token import Token, TokenError, checksum, decode, encode

MASKS = st.lists(st.booleans(), min_size=1, max_size=200).map(lambda bits: np.array(bits, bool))


@given(MASKS, st.integers(0, 10**12))
def test_round_trip(mask: np.ndarray, segment: int) -> None:
    text = encode(Token(segment, mask))
    token = decode(text, len(mask))
    np.testing.assert_array_equal(token.assignment, mask)
    assert (token.segment, token.n_complex) == (segment, mask.sum())
    assert encode(token) == text
    assert text.endswith(checksum(text)) and len(checksum(text)) == 8


@given(MASKS, st.integers(0, 10**6))
def test_i_pi_keeps_it_as_it_is(mask: np.ndarray, segment: int) -> None:
    text = encode(Token(segment, mask))
    assert text.isascii() and text[0].isalpha() and not re.search(r"[\s,:{}<>&]", text)
    assert read_dict(write_dict({"moe_token": text, "other": 3}))["moe_token"] == text


@given(MASKS, st.data())
def test_one_wrong_character_is_noticed(mask: np.ndarray, data: st.DataObject) -> None:
    text = encode(Token(3, mask))
    place = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(st.sampled_from(sorted(set("0aZ-.x9") - {text[place]})))
    with pytest.raises(TokenError):
        decode(text[:place] + other + text[place + 1 :], len(mask))


def test_another_number_of_atoms() -> None:
    with pytest.raises(TokenError, match="for 98 atoms, but there are 97"):
        decode(encode(Token(0, np.zeros(98, bool))), 97)


@pytest.mark.parametrize(
    "body", ["moe1.s0.n8.c1.AAAA", "moe1.s0.n8.c1.A", "moe1.s0.n8.c1.", "moe1.s0.n8.c9.eJyzBwAAKQAp"]
)
def test_a_mask_that_cannot_be_read(body: str) -> None:
    with pytest.raises(TokenError, match="its mask cannot be read"):
        decode(f"{body}.{zlib.crc32(body.encode()):08x}", 8)


@pytest.mark.parametrize("text", ["", "0", "moe2.s0.n8.c1.AAAA.00000000", "frozen"])
def test_not_a_token(text: str) -> None:
    with pytest.raises(TokenError, match="is not an assignment of moe-ipi"):
        decode(text, 8)


def test_large_systems_have_short_tokens() -> None:
    mask = np.zeros(100_000, bool)
    mask[5000:5400] = True
    assert len(encode(Token(10**6, mask))) < 200
