"""What a run computes with, as text: so that no driver and no restart computes with something else unnoticed.

    id1.SPECIES.COMPLEX.BULK.PRECISION.REGIONS.CHECKSUM

Each part but the precision is a digest.  A driver compares the first four with its own; a restart compares all.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields
from functools import lru_cache
from pathlib import Path

from moe_ipi.config import Config, ExpertConfig, ModelExpert
from moe_ipi.elements import element_symbols
from moe_ipi.errors import MoEError
from moe_ipi.inband.envelope import DamagedError, seal, unseal

_VERSION = "id1"
#: torch's name for float32 products without TF32.
FULL_PRECISION = "highest"
_NAMES = {
    "species": "other atoms",
    "complex": "another complex expert",
    "bulk": "another bulk expert",
    "precision": "another compute precision",
    "regions": "other regions",
}


class IdentityError(MoEError):
    """Somebody computes with something else than the run."""


@dataclass(frozen=True)
class Identity:
    """Digests (eight hexadecimal digits each, with a letter before them) of what a run computes with.

    Attributes:
        species: symbols of the atoms, in their order.
        complex, bulk: content of the model file (or its name at nequip.net), key and offsets, or kind and parameters of
            an analytic expert.
        precision: of products of float32 matrices, as torch names it.
        regions: the ``[regions]`` table.
    """

    species: str
    complex: str
    bulk: str
    precision: str
    regions: str

    def encode(self) -> str:
        """The identity as text for i-PI's ``<parameters>``."""
        return seal(".".join((_VERSION, *astuple(self))))

    def differences(self, other: Identity, *, regions: bool) -> list[str]:
        """What ``other`` has that is not this, in words.

        Args:
            other: another identity.
            regions: whether regions count; a driver's do not, because the assignment comes with the structures.
        """
        names = [field.name for field in fields(self) if regions or field.name != "regions"]
        return [_NAMES[name] for name in names if getattr(self, name) != getattr(other, name)]


def decode(text: str) -> Identity:
    """Read an identity.

    Raises:
        IdentityError: the text is damaged or of another version.
    """
    try:
        version, *parts = unseal(text).split(".")
        if version != _VERSION:
            raise DamagedError("another version")
        return Identity(*parts)
    except (DamagedError, TypeError) as error:
        raise IdentityError(
            f"moe_identity in the <parameters> cannot be read ({error}): it was made by another version, or is "
            "damaged; remove it to go on without this check"
        ) from error


def identity_of(config: Config, species: Sequence[str], precision: str = FULL_PRECISION) -> Identity:
    """The identity of a run or a driver.

    Args:
        config: experts and regions.
        species: labels of the atoms.
        precision: of this process, see :class:`Identity`.

    Raises:
        IdentityError: a model file cannot be read.
    """
    return Identity(
        species=_digest("s", " ".join(element_symbols(species)).encode()),
        complex=_expert("c", config.experts.complex),
        bulk=_expert("b", config.experts.bulk),
        precision=precision,
        regions=_digest("r", config.regions.model_dump_json().encode()),
    )


def _expert(letter: str, config: ExpertConfig) -> str:
    if isinstance(config, ModelExpert):
        more = [json.dumps(config.offsets, sort_keys=True).encode()] if config.offsets else []
        if config.remote:
            # The version is part of the name; nobody needs the network to compare.
            return _digest(letter, str(config.path).encode(), (config.key or "").encode(), *more)
        try:
            status = config.path.stat()
            content = _file(config.path, status.st_mtime_ns, status.st_size)
        except OSError as error:
            raise IdentityError(f"cannot read the model file '{config.path}': {error.strerror or error}") from error
        return _digest(letter, content, (config.key or "").encode(), *more)
    return _digest(letter, config.model_dump_json().encode())


@lru_cache(maxsize=8)
def _file(path: Path, modified: int, size: int) -> bytes:
    """SHA-256 of a file's content; it is read again when it has changed."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def _digest(letter: str, *parts: bytes) -> str:
    whole = hashlib.sha256()
    for part in parts:
        whole.update(len(part).to_bytes(8, "big") + part)
    # A letter first: i-PI turns what looks like a number into one, and so would a digest such as 12345678 be lost.
    return letter + whole.hexdigest()[:8]
