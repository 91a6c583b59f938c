"""The assignment as text: the token under which every structure travels to a driver and is evaluated.

    moe1.s12.n98.c14.<mask>.<checksum>

A version, the number of the segment, the number of atoms, how many of them are complex, the mask (bits in the order
of the atoms) in an envelope (:mod:`moe_ipi.inband.envelope`), and the checksum of all before it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from moe_ipi.errors import MoEError
from moe_ipi.inband.envelope import DamagedError, checksum, pack, seal, unpack, unseal
from moe_ipi.typing import BoolArray

__all__ = ["Token", "TokenError", "checksum", "decode", "decode_header", "encode"]

_FORM = re.compile(r"moe1\.s(\d{1,15})\.n(\d{1,9})\.c(\d{1,9})\.([A-Za-z0-9_-]*)\.([0-9a-f]{8})", re.ASCII)


class TokenError(MoEError):
    """A token is damaged or belongs to another system; nothing may be computed under it."""


@dataclass(frozen=True)
class Token:
    """An assignment and the segment of the run in which it holds.

    Attributes:
        segment: counted from 0.
        assignment: (N,) bool, True for atoms of the complex expert.
    """

    segment: int
    assignment: BoolArray

    @property
    def n_complex(self) -> int:
        """Number of atoms of the complex expert."""
        return int(self.assignment.sum())


def encode(token: Token) -> str:
    """The token as text; the same token gives the same text."""
    mask = pack(np.packbits(token.assignment).tobytes())
    return seal(f"moe1.s{token.segment}.n{len(token.assignment)}.c{token.n_complex}.{mask}")


def decode_header(text: str) -> int:
    """The segment of a token that may be of any system.

    Raises:
        TokenError: the text is not a token.
    """
    form = _FORM.fullmatch(text)
    if form is None:
        raise _no_token(text)
    return int(form[1])


def decode(text: str, natoms: int) -> Token:
    """Read a token.

    Args:
        text: as made by :func:`encode`.
        natoms: the number of atoms it must be for.

    Raises:
        TokenError: the text is not a token, is damaged, or is for another number of atoms.
    """
    shown = _shown(text)
    form = _FORM.fullmatch(text)
    if form is None:
        raise _no_token(text)
    segment, count, n_complex = (int(part) for part in form.groups()[:3])
    try:
        unseal(text)
    except DamagedError as error:
        raise TokenError(
            f"the assignment '{shown}' is damaged: its checksum does not fit; take it from another checkpoint"
        ) from error
    if count != natoms:
        raise TokenError(
            f"the assignment is for {count} atoms, but there are {natoms}: this driver or checkpoint belongs to "
            "another run; give the driver the structure this run starts from as its template"
        )
    assignment = _mask(form[4], natoms)
    if assignment is None or int(assignment.sum()) != n_complex:
        raise TokenError(
            f"the assignment '{shown}' is damaged: its mask cannot be read; take it from another checkpoint"
        )
    return Token(segment, assignment)


def _shown(text: str) -> str:
    return text if len(text) <= 60 else text[:57] + "..."


def _no_token(text: str) -> TokenError:
    return TokenError(
        f"'{_shown(text)}' is not an assignment of moe-ipi: remove moe_token from the <parameters> to start anew"
    )


def _mask(text: str, natoms: int) -> BoolArray | None:
    size = (natoms + 7) // 8
    try:
        packed = unpack(text, size + 1)
    except DamagedError:
        return None
    if len(packed) != size:
        return None
    return np.unpackbits(np.frombuffer(packed, np.uint8), count=natoms).astype(bool)
