"""How data travel as text in i-PI's ``<parameters>``: compressed, in a safe alphabet, with a checksum.

i-PI reads parameters as ``{key: value, ...}`` and turns whatever looks like a number into one.  So the text has only
letters, digits, ``.``, ``-`` and ``_``, and whoever makes it lets it begin with a letter.
"""

from __future__ import annotations

import base64
import binascii
import zlib


class DamagedError(ValueError):
    """The text is not what was sealed or packed."""


def pack(data: bytes) -> str:
    """Bytes, compressed, as URL-safe base64 without padding."""
    return base64.urlsafe_b64encode(zlib.compress(data, 9)).decode().rstrip("=")


def unpack(text: str, limit: int = 0) -> bytes:
    """What :func:`pack` was given.

    Args:
        text: as :func:`pack` returned it.
        limit: number of bytes to stop after, so that a forged text does not become an allocation; 0: no limit.

    Raises:
        DamagedError: it is not such a text.
    """
    stream = zlib.decompressobj()
    try:
        data = stream.decompress(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)), limit)
    except (ValueError, binascii.Error, zlib.error) as error:
        raise DamagedError(str(error)) from error
    if not limit and not stream.eof:
        raise DamagedError("it is cut off")
    return data


def seal(body: str) -> str:
    """``BODY.CHECKSUM``, the CRC-32 of the body in eight hexadecimal digits."""
    return f"{body}.{_crc(body)}"


def unseal(text: str) -> str:
    """The body of a sealed text.

    Raises:
        DamagedError: the checksum does not fit.
    """
    body, _, checksum = text.rpartition(".")
    if checksum != _crc(body):
        raise DamagedError("the checksum does not fit")
    return body


def checksum(text: str) -> str:
    """The checksum of a sealed text, as it stands there."""
    return text.rpartition(".")[2]


def _crc(body: str) -> str:
    return f"{zlib.crc32(body.encode()):08x}"
