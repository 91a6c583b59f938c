"""The other tables of a ``moe.toml``, and the whole."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from moe_ipi.config.base import Element, Length, Positive, Table
from moe_ipi.config.regions import RegionsConfig

#: How the name of a model of the repository nequip.net begins.
NEQUIP_NET = "nequip.net:"


class ModelExpert(Table):
    """``type = "nequip"``: a NequIP-framework model file."""

    type: Literal["nequip"] = "nequip"
    #: Of a file; or ``nequip.net:GROUP/MODEL:VERSION``.
    path: Path
    key: str | None = None
    #: Of the file: another one is refused.
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")] | None = None
    #: eV for each element, added to the energy of every atom: where the experts count from different references.
    offsets: dict[Element, Annotated[float, Field(allow_inf_nan=False)]] = Field(default={})

    @property
    def remote(self) -> bool:
        """Whether the model is one of nequip.net, and no file."""
        return str(self.path).startswith(NEQUIP_NET)


class FinnisSinclairExpert(Table):
    """``type = "finnis-sinclair"``: one of the analytic experts of :mod:`moe_ipi.experts.finnis_sinclair`."""

    type: Literal["finnis-sinclair"]
    parameters: Literal["complex", "bulk"]


ExpertConfig = Annotated[ModelExpert | FinnisSinclairExpert, Field(discriminator="type")]


class ExpertsConfig(Table):
    """The ``[experts]`` table."""

    complex: ExpertConfig
    bulk: ExpertConfig

    @model_validator(mode="before")
    @classmethod
    def _default_type(cls, data: object) -> object:
        if not isinstance(data, dict):
            return data
        for name, table in data.items():
            if isinstance(table, dict) and table.get("type") == "pair":
                raise ValueError(f"the type 'pair' of the {name} expert is now called 'finnis-sinclair': write that")
        return {k: {"type": "nequip", **v} if isinstance(v, dict) else v for k, v in data.items()}


class SegmentsConfig(Table):
    """The ``[segments]`` table: when, and from what, a running simulation updates its assignment."""

    #: ``"auto"``: drawn ("gibbs") where regions and run allow it, else by rules.
    reassignment: Literal["auto", "rules", "gibbs"] = "auto"
    segment_steps: Annotated[int, Field(ge=0)] | None = None
    sample_steps: Annotated[int, Field(ge=1)] = 10
    union: Literal["beads", "centroid"] = "beads"
    monitor: Annotated[int, Field(ge=0)] = 0
    monitor_threshold: Positive | None = None


class ComputeConfig(Table):
    """The ``[compute]`` table."""

    device: Annotated[str, Field(pattern=r"^(cpu|cuda(:\d+)?)$")] = "cpu"
    compile: bool = False
    threads: Annotated[int, Field(ge=1)] | None = None
    skin: Length = 0.5
    #: Edges that a model evaluates at once; without, what measures best on the machine.
    chunk: Annotated[int, Field(ge=1)] | None = None
    # How compiled models are compiled, see nequip-compile.
    tf32: bool = False
    modifiers: tuple[Annotated[str, Field(pattern=r"^\w+$")], ...] = ()


class DriverConfig(Table):
    """The ``[driver]`` table: what the socket driver adds to its replies."""

    extras: list[Literal["assignment", "atom_energies"]] = Field(default=[])


class RunConfig(Table):
    """The ``[run]`` table: what ``moe-ipi run`` does about drivers that are lost or do not answer."""

    restarts: Annotated[int, Field(ge=0)] = 5
    restart_delay: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 2.0
    stall_timeout: Positive | None = None


class ValidationConfig(Table):
    """The ``[validation]`` table: the bulk crystal that both experts must agree on, and reference labels."""

    element: Element
    lattice: Literal["fcc", "bcc", "diamond"] = "fcc"
    lattice_parameter: Positive
    labels: Path | None = None


class Config(Table):
    """A whole ``moe.toml``; relative paths are relative to the file."""

    experts: ExpertsConfig
    regions: RegionsConfig
    segments: SegmentsConfig = SegmentsConfig()
    compute: ComputeConfig = ComputeConfig()
    driver: DriverConfig = DriverConfig()
    run: RunConfig = RunConfig()
    validation: ValidationConfig | None = None
    template: Path | None = None
