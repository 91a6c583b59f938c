"""The ``moe.toml`` file: which experts, which regions, how to compute.

Every key is documented in the README.  Unknown keys, wrong types and impossible values are refused
with one line that names the key.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Literal

from ase.data import atomic_numbers
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from moe_ipi.errors import ConfigError


def _element(symbol: str) -> str:
    if symbol not in atomic_numbers or symbol == "X":
        raise ValueError(f"'{symbol}' is not the symbol of an element")
    return symbol


Element = Annotated[str, AfterValidator(_element)]
Elements = Annotated[list[Element], Field(min_length=1)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Length = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Coordinate = Annotated[float, Field(allow_inf_nan=False)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ModelExpert(_Table):
    """``type = "nequip"``: a NequIP-framework model file."""

    type: Literal["nequip"] = "nequip"
    path: Path
    key: str | None = None


class PairExpert(_Table):
    """``type = "pair"``: one of the analytic experts of :mod:`moe_ipi.experts.pair`."""

    type: Literal["pair"]
    parameters: Literal["complex", "bulk"]


ExpertConfig = Annotated[ModelExpert | PairExpert, Field(discriminator="type")]


class ExpertsConfig(_Table):
    """The ``[experts]`` table."""

    complex: ExpertConfig
    bulk: ExpertConfig

    @model_validator(mode="before")
    @classmethod
    def _default_type(cls, data: object) -> object:
        if not isinstance(data, dict):
            return data
        return {k: {"type": "nequip", **v} if isinstance(v, dict) else v for k, v in data.items()}


class SpeciesRule(_Table):
    """Seeds: every atom of the given elements."""

    type: Literal["species"]
    species: Elements


class IndicesRule(_Table):
    """Seeds: atoms by zero-based index in the order of the template."""

    type: Literal["indices"]
    indices: Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1)]


class SlabRule(_Table):
    """Seeds: atoms with a periodic image whose coordinate along ``axis`` lies in [min, max] (A)."""

    type: Literal["slab"]
    axis: Literal["x", "y", "z"]
    min: Coordinate
    max: Coordinate

    @model_validator(mode="after")
    def _ordered(self) -> SlabRule:
        if self.min > self.max:
            raise ValueError("min must not be larger than max")
        return self


class BoxRule(_Table):
    """Seeds: atoms with a periodic image inside the Cartesian box [min, max] (A)."""

    type: Literal["box"]
    min: tuple[Coordinate, Coordinate, Coordinate]
    max: tuple[Coordinate, Coordinate, Coordinate]

    @model_validator(mode="after")
    def _ordered(self) -> BoxRule:
        if any(lo > hi for lo, hi in zip(self.min, self.max, strict=True)):
            raise ValueError("min must not be larger than max")
        return self


class CoordinationRule(_Table):
    """Seeds: atoms of ``species`` with fewer than ``below`` neighbours of those species within ``cutoff`` (A)."""

    type: Literal["coordination"]
    species: Elements
    cutoff: Positive
    below: Annotated[int, Field(ge=1)]


RuleConfig = Annotated[SpeciesRule | IndicesRule | SlabRule | BoxRule | CoordinationRule, Field(discriminator="type")]


class RegionsConfig(_Table):
    """The ``[regions]`` table: seeds (union of ``rules``) and the radius (A) by which they grow."""

    radius: Length
    rules: list[RuleConfig] = []


class ComputeConfig(_Table):
    """The ``[compute]`` table."""

    device: Annotated[str, Field(pattern=r"^(cpu|cuda(:\d+)?)$")] = "cpu"
    compile: bool = False
    threads: Annotated[int, Field(ge=1)] | None = None
    skin: Length = 0.5


class DriverConfig(_Table):
    """The ``[driver]`` table: what the socket driver adds to its replies."""

    extras: list[Literal["assignment", "atom_energies"]] = []


class Config(_Table):
    """A whole ``moe.toml``; relative paths are relative to the file."""

    experts: ExpertsConfig
    regions: RegionsConfig
    compute: ComputeConfig = ComputeConfig()
    driver: DriverConfig = DriverConfig()
    template: Path | None = None


def load_config(path: str | Path) -> Config:
    """Read and validate a ``moe.toml``.

    Args:
        path: the file.

    Returns:
        The configuration, with absolute paths.

    Raises:
        ConfigError: the file is missing, is not TOML, or has a key that cannot be used (named).
    """
    path = Path(path)
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(
            f"cannot read the config '{path}': {error.strerror or error}; give the path of a moe.toml"
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"'{path}' is not valid TOML: {error}") from None
    try:
        config = Config.model_validate(data)
    except ValidationError as error:
        raise ConfigError(f"{path}: {_first_problem(error)}") from None
    return _with_absolute_paths(config, path.resolve().parent)


def _first_problem(error: ValidationError) -> str:
    problems = error.errors(include_url=False)
    first = problems[0]
    tags = {"nequip", "pair", "species", "indices", "slab", "box", "coordination"}
    loc = list(first["loc"])
    # pydantic puts the tag of a union into the location; the user never wrote it as a key.
    where = [
        str(part)
        for k, part in enumerate(loc)
        if not (part in tags and k > 0 and (isinstance(loc[k - 1], int) or loc[k - 1] in ("complex", "bulk")))
    ]
    key = ".".join(where) or "the file"
    if first["type"] == "extra_forbidden":
        text = "is not a known key; remove it or check its spelling"
    elif first["type"] == "missing":
        text = "is missing; add it"
    else:
        text = first["msg"].removeprefix("Value error, ")
        text = text[0].lower() + text[1:]
        if not isinstance(first["input"], (dict, list)):
            text += f" (got {first['input']!r})"
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return f"{key}: {text}{more}"


def _with_absolute_paths(config: Config, base: Path) -> Config:
    def absolute(expert: ModelExpert | PairExpert) -> ModelExpert | PairExpert:
        if isinstance(expert, ModelExpert):
            return expert.model_copy(update={"path": base / expert.path.expanduser()})
        return expert

    experts = config.experts.model_copy(
        update={"complex": absolute(config.experts.complex), "bulk": absolute(config.experts.bulk)}
    )
    template = base / config.template.expanduser() if config.template is not None else None
    return config.model_copy(update={"experts": experts, "template": template})
