"""Expert pairs that ship with the package."""

from __future__ import annotations

from pathlib import Path

from moe_ipi.errors import ConfigError

_FOLDER = Path(__file__).parent


def available() -> list[str]:
    """Names of the shipped pairs."""
    return sorted(p.parent.name for p in _FOLDER.glob("*/moe.toml"))


def pretrained(name: str) -> Path:
    """Path of the ready ``moe.toml`` of a shipped pair.

    Args:
        name: ``"pt-co"``: CO on platinum (see ``MODEL_CARD.md`` beside the file).

    Raises:
        ConfigError: there is no such pair.
    """
    path = _FOLDER / name / "moe.toml"
    if name not in available():
        raise ConfigError(f"there is no shipped pair '{name}'; there is: {', '.join(available()) or 'none'}")
    return path


def find_config(name: str | Path) -> Path:
    """The ``moe.toml`` that a user means by ``-c``: an existing file, else the name of a shipped pair.

    Args:
        name: path of a file, or the name of a shipped pair.

    Raises:
        ConfigError: it is neither.
    """
    path = Path(name)
    # A folder is no config: one that happens to be called like a pair does not hide the pair.
    if path.is_file():
        return path
    if str(name) in available():
        return pretrained(str(name))
    raise ConfigError(
        f"there is no config '{name}'; give the path of a moe.toml or the name of a shipped pair: "
        f"{', '.join(available()) or 'none'}"
    )
