"""The pair that comes out: its ``moe.toml``."""

from __future__ import annotations

from moe_ipi.config import ValidationConfig

#: How much farther a complex atom stays complex, A: what assignments that are drawn need (docs/ensemble.md).
_EDGE = 0.5
_EXPERT = """[experts.{name}]
path = "{path}"
key = "{name}"
sha256 = "{sha256}"
"""
_REGIONS = """[regions]
# An atom this close to a seed becomes complex, and a complex atom this close stays complex (A).
radius_in = {inner}
radius_out = {outer}
"""
_SPECIES = """
# The seeds: all atoms of these elements.
[[regions.rules]]
type = "species"
species = [{species}]
"""
_NO_SPECIES = """
# Which atoms are the seeds?  Until a rule says so, every atom is bulk.
# [[regions.rules]]
# type = "species"
# species = ["C", "O"]
#
# [[regions.rules]]                # atoms of a surface, a step or a defect
# type = "coordination"
# species = ["Pt"]
# cutoff = 3.4                     # A, between the first and the second shell of neighbours
# below = 8.5
# average = true
"""
_VALIDATION = """
# Only for moe-ipi validate: the bulk crystal (A).
[validation]
element = "{element}"
lattice = "{lattice}"
lattice_parameter = {lattice_parameter}
"""
_CRYSTAL = """
# Only for moe-ipi validate: a cell of the bulk crystal.
[validation]
crystal = "{crystal}"
"""


def moe_toml(
    model: str, archive: str, sha256: str, *, species: list[str], radius: float, crystal: ValidationConfig | None
) -> str:
    """The text of a ``moe.toml``.

    Args:
        model: what the complex expert was given as.
        archive, sha256: the package of both experts.
        species, radius: seeds, and the radius (A) by which they grow.
        crystal: for the validation, if there is one.
    """
    experts = "\n".join(_EXPERT.format(name=name, path=archive, sha256=sha256) for name in ("complex", "bulk"))
    rules = _SPECIES.format(species=", ".join(f'"{s}"' for s in species)) if species else _NO_SPECIES
    template = _CRYSTAL if crystal and crystal.crystal else _VALIDATION
    table = template.format(**crystal.model_dump()) if crystal else ""
    return (
        f"# The complex expert is {model}, unchanged; the bulk expert was made by moe-ipi distill to agree with it.\n"
        f"# docs/reference/config.md of moe_ipi explains every key.\n\n{experts}\n"
        f"{_REGIONS.format(inner=radius, outer=round(radius + _EDGE, 6))}{rules}{table}"
    )
