"""The ``moe.toml`` file: which experts, which regions, how to compute.

Every key is explained in ``docs/reference/config.md``.  Unknown keys, wrong types and impossible values are refused
with one line that names the key.
"""

from moe_ipi.config.harvest import HarvestConfig
from moe_ipi.config.load import load_config
from moe_ipi.config.regions import RegionsConfig
from moe_ipi.config.rules import (
    AgreementRule,
    BoxRule,
    CentrosymmetryRule,
    CoordinationRule,
    IndicesRule,
    RuleConfig,
    SlabRule,
    SpeciesRule,
)
from moe_ipi.config.tables import (
    NEQUIP_NET,
    ComputeConfig,
    Config,
    DriverConfig,
    ExpertConfig,
    ExpertsConfig,
    FinnisSinclairExpert,
    ModelExpert,
    RunConfig,
    SegmentsConfig,
    ValidationConfig,
)
from moe_ipi.config.write import write_config

__all__ = [
    "NEQUIP_NET",
    "AgreementRule",
    "BoxRule",
    "CentrosymmetryRule",
    "ComputeConfig",
    "Config",
    "CoordinationRule",
    "DriverConfig",
    "ExpertConfig",
    "ExpertsConfig",
    "FinnisSinclairExpert",
    "HarvestConfig",
    "IndicesRule",
    "ModelExpert",
    "RegionsConfig",
    "RuleConfig",
    "RunConfig",
    "SegmentsConfig",
    "SlabRule",
    "SpeciesRule",
    "ValidationConfig",
    "load_config",
    "write_config",
]
