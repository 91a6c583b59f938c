"""The other tables of a ``moe.toml``, and the whole."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from moe_ipi.config.base import Element, Length, Positive, Table
from moe_ipi.config.harvest import HarvestConfig
from moe_ipi.config.regions import RegionsConfig

#: How the name of a model of the repository nequip.net begins.
NEQUIP_NET = "nequip.net:"


class ModelExpert(Table):
    """A file of the NequIP framework with a strictly local model (Allegro)."""

    type: Literal["nequip"] = "nequip"
    """The kind of expert; it need not be given."""
    path: Path
    """The file: a package (``.nequip.zip``), a checkpoint (``.ckpt``) or a compiled model (``.nequip.pt2``), relative
    to the ``moe.toml``; or a model of nequip.net, ``nequip.net:GROUP/MODEL:VERSION``."""
    key: str | None = None
    """Which model of the file, if it holds several."""
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")] | None = None
    """Checksum of the file: another one is refused."""
    offsets: dict[Element, Annotated[float, Field(allow_inf_nan=False)]] = Field(default={})
    """eV for each element, added to the energy of every atom: where the experts count from different references."""

    @property
    def remote(self) -> bool:
        """Whether the model is one of nequip.net, and no file."""
        return str(self.path).startswith(NEQUIP_NET)


class FinnisSinclairExpert(Table):
    """An analytic expert for Pt, C and O that needs no model: for tests and for a first look."""

    type: Literal["finnis-sinclair"]
    """The kind of expert."""
    parameters: Literal["complex", "bulk"]
    """Which of its two sets of parameters."""


ExpertConfig = Annotated[ModelExpert | FinnisSinclairExpert, Field(discriminator="type")]


class ExpertsConfig(Table):
    """The two experts: each must know the elements of its own atoms and of their neighbours."""

    complex: ExpertConfig
    """The expensive expert."""
    bulk: ExpertConfig
    """The cheap expert."""

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
    """When, and how, a running simulation makes its assignment anew."""

    reassignment: Literal["auto", "rules", "gibbs"] = "auto"
    """``"rules"``: where the atoms are, and were, decides.  ``"gibbs"``: drawn from exact probabilities, so that the
    whole run is one ensemble.  ``"auto"``: gibbs where it is possible: only rules of type species, indices, slab and
    box, radii 0.5 A or more apart, one system and a thermostat."""
    segment_steps: Annotated[int, Field(ge=0)] | None = None
    """Steps of a segment, a multiple of the smallest stride of i-PI's ``<checkpoint>``s, which is the default; 0: the
    assignment is fixed."""
    sample_steps: Annotated[int, Field(ge=1)] = 10
    """Steps between two samples of rules that average."""
    union: Literal["beads", "centroid"] = "beads"
    """An atom is complex if the rules find it so in any bead of any system, or in the centroid of any system."""
    monitor: Annotated[int, Field(ge=0)] = 0
    """Every so many segments, forces on the centroid are compared with those of the complex expert on every atom
    (``PREFIX.moe_monitor``); 0: never."""
    monitor_threshold: Positive | None = None
    """eV/A: a larger RMSE of these forces is reported; without it none is."""


class ComputeConfig(Table):
    """How and where experts are evaluated."""

    device: Annotated[str, Field(pattern=r"^(cpu|cuda(:\d+)?)$")] = "cpu"
    """``"cpu"``, ``"cuda"`` or ``"cuda:N"``; under ``moe-ipi run`` drivers with ``"cuda"`` take the GPUs in turn."""
    compile: bool = False
    """Compile the experts with AOTInductor: several times faster, and takes minutes, once."""
    threads: Annotated[int, Field(ge=1)] | None = None
    """Threads of one driver; without it, what torch takes.  Compiled models on the CPU evaluate so many chunks of edges
    at once."""
    skin: Length = 0.5
    """A: Verlet skin of the neighbour lists."""
    chunk: Annotated[int, Field(ge=1)] | None = None
    """Edges that a model evaluates at once; without it, what measures best on the machine."""
    tf32: bool = False
    """Compiled models on a GPU may round products to TF32."""
    modifiers: tuple[Annotated[str, Field(pattern=r"^\w+$")], ...] = ()
    """How models are changed before they are compiled: ``--modifiers`` of ``nequip-compile``."""


class DriverConfig(Table):
    """What drivers add to their answers."""

    extras: list[Literal["assignment", "atom_energies"]] = Field(default=[])
    """What i-PI's extras have besides the number of complex atoms: the expert of every atom (``moe_assignment``), its
    energy in eV (``moe_atom_energies``)."""


class RunConfig(Table):
    """What ``moe-ipi run`` does about drivers that are lost or do not answer."""

    restarts: Annotated[int, Field(ge=0)] = 5
    """So many times in a run a new driver is started in place of a lost one."""
    restart_delay: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 2.0
    """s: between the two."""
    stall_timeout: Positive | None = None
    """s: a driver that takes longer for an answer is replaced, or the run ended; without it, the user is told who is
    waited for, and nothing is done."""


class ValidationConfig(Table):
    """What ``moe-ipi validate`` measures: the bulk crystal on which both experts must agree, and labels."""

    element: Element | None = None
    """What the crystal is made of, if it is one element."""
    lattice: Literal["fcc", "bcc", "diamond"] = "fcc"
    """The lattice of the element."""
    lattice_parameter: Positive | None = None
    """A: the lattice parameter of the element, approximately."""
    crystal: Path | None = None
    """A structure file with a cell of the crystal, of any elements, instead of the three keys above; relative to the
    ``moe.toml``."""
    labels: Path | None = None
    """extxyz with energies and forces that training did not see; relative to the ``moe.toml``."""
    key_mapping: dict[str, Literal["energy", "forces"]] = Field(default={})
    """Names in the file of labels to what they are, such as ``REF_energy = "energy"``."""

    @model_validator(mode="after")
    def _one_crystal(self) -> ValidationConfig:
        named = self.model_fields_set & {"element", "lattice", "lattice_parameter"}
        if self.crystal is not None and named:
            raise ValueError(f"'crystal' is a file, and {sorted(named)[0]} names another crystal; remove one of them")
        if self.crystal is None and (self.element is None or self.lattice_parameter is None):
            raise ValueError("which crystal? Give element and lattice_parameter, or crystal, a structure file")
        return self


class Config(Table):
    """A whole ``moe.toml``; relative paths are relative to the file."""

    experts: ExpertsConfig
    """The two experts."""
    regions: RegionsConfig
    """Which atoms are complex."""
    segments: SegmentsConfig = SegmentsConfig()
    """When, and how, the assignment is made anew."""
    harvest: HarvestConfig | None = None
    """Which frames are kept for labelling."""
    compute: ComputeConfig = ComputeConfig()
    """How and where experts are evaluated."""
    driver: DriverConfig = DriverConfig()
    """What drivers add to their answers."""
    run: RunConfig = RunConfig()
    """What is done about lost drivers."""
    validation: ValidationConfig | None = None
    """What is measured of a pair."""
    template: Path | None = None
    """The drivers' template, if ``--template`` is not given: the structure from which i-PI starts."""
