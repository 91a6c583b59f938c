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
    """Seeds: atoms of ``species`` with fewer than ``below`` neighbours of those species within ``cutoff`` (A).

    With ``average`` the number of neighbours is averaged over the samples of a segment; ``below`` may be a fraction.
    """

    type: Literal["coordination"]
    species: Elements
    cutoff: Positive
    below: Positive
    average: bool = False


class CentrosymmetryRule(_Table):
    """Seeds: atoms of ``species`` whose centro-symmetry parameter is above ``above`` (A^2).

    It is taken over the ``neighbors`` nearest atoms of those species; atoms that have fewer within ``cutoff`` (A), or
    for which the last of them is as near as the next, are seeds, too.
    """

    type: Literal["centrosymmetry"]
    species: Elements
    cutoff: Positive
    above: Positive
    neighbors: Annotated[int, Field(ge=2, multiple_of=2)] = 12


class AgreementRule(_Table):
    """Atoms on whose energy the experts differ by more than ``tolerance`` (eV) are complex; they do not grow."""

    type: Literal["agreement"]
    tolerance: Positive


RuleConfig = Annotated[
    SpeciesRule | IndicesRule | SlabRule | BoxRule | CoordinationRule | CentrosymmetryRule | AgreementRule,
    Field(discriminator="type"),
]


class RegionsConfig(_Table):
    """The ``[regions]`` table: seeds (union of ``rules``), the radius (A) by which they grow, and memory.

    ``radius`` alone, or ``radius_in`` for atoms that become complex and ``radius_out`` for those that are.
    """

    radius: Length | None = None
    radius_in: Length | None = None
    radius_out: Length | None = None
    dwell: Annotated[int, Field(ge=0)] = 0
    rules: list[RuleConfig] = []

    @model_validator(mode="after")
    def _one_way_to_say_it(self) -> RegionsConfig:
        pair = (self.radius_in, self.radius_out)
        if self.radius is not None and pair != (None, None):
            raise ValueError("give either radius, or radius_in and radius_out, not both")
        if self.radius is None and None in pair:
            raise ValueError("give radius, or both radius_in and radius_out")
        if self.inner > self.outer:
            raise ValueError("radius_in must not be larger than radius_out")
        return self

    @property
    def inner(self) -> float:
        """A; a bulk atom this close to a seed becomes complex."""
        return self.radius if self.radius is not None else self.radius_in

    @property
    def outer(self) -> float:
        """A; a complex atom this close to a seed stays complex."""
        return self.radius if self.radius is not None else self.radius_out

    @property
    def needs_disagreement(self) -> bool:
        """Whether a rule asks how much the experts differ."""
        return any(isinstance(rule, AgreementRule) for rule in self.rules)


class SegmentsConfig(_Table):
    """The ``[segments]`` table: when, and from what, a running simulation makes its assignment anew."""

    segment_steps: Annotated[int, Field(ge=0)] | None = None
    sample_steps: Annotated[int, Field(ge=1)] = 10
    union: Literal["beads", "centroid"] = "beads"
    monitor: Annotated[int, Field(ge=0)] = 0
    monitor_threshold: Positive | None = None


class ComputeConfig(_Table):
    """The ``[compute]`` table."""

    device: Annotated[str, Field(pattern=r"^(cpu|cuda(:\d+)?)$")] = "cpu"
    compile: bool = False
    threads: Annotated[int, Field(ge=1)] | None = None
    skin: Length = 0.5


class DriverConfig(_Table):
    """The ``[driver]`` table: what the socket driver adds to its replies."""

    extras: list[Literal["assignment", "atom_energies"]] = []


class ValidationConfig(_Table):
    """The ``[validation]`` table: the bulk crystal that both experts must agree on, and reference labels."""

    element: Element
    lattice: Literal["fcc", "bcc", "diamond"] = "fcc"
    lattice_parameter: Positive
    labels: Path | None = None


class Config(_Table):
    """A whole ``moe.toml``; relative paths are relative to the file."""

    experts: ExpertsConfig
    regions: RegionsConfig
    segments: SegmentsConfig = SegmentsConfig()
    compute: ComputeConfig = ComputeConfig()
    driver: DriverConfig = DriverConfig()
    validation: ValidationConfig | None = None
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
    tags = {"nequip", "pair", "species", "indices", "slab", "box", "coordination", "centrosymmetry", "agreement"}
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
    validation = config.validation
    if validation is not None and validation.labels is not None:
        validation = validation.model_copy(update={"labels": base / validation.labels.expanduser()})
    return config.model_copy(update={"experts": experts, "template": template, "validation": validation})
