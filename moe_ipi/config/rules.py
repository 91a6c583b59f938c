"""The ``[[regions.rules]]`` tables: what makes an atom a seed.

A rule is a class here, a function in :mod:`moe_ipi.regions.rules` and a paragraph in the README.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from moe_ipi.config.base import Coordinate, Elements, Positive, Table


class SpeciesRule(Table):
    """Seeds: every atom of the given elements."""

    type: Literal["species"]
    species: Elements


class IndicesRule(Table):
    """Seeds: atoms by zero-based index in the order of the template."""

    type: Literal["indices"]
    indices: Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1)]


class SlabRule(Table):
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


class BoxRule(Table):
    """Seeds: atoms with a periodic image inside the Cartesian box [min, max] (A)."""

    type: Literal["box"]
    min: tuple[Coordinate, Coordinate, Coordinate]
    max: tuple[Coordinate, Coordinate, Coordinate]

    @model_validator(mode="after")
    def _ordered(self) -> BoxRule:
        if any(lo > hi for lo, hi in zip(self.min, self.max, strict=True)):
            raise ValueError("min must not be larger than max")
        return self


class CoordinationRule(Table):
    """Seeds: atoms of ``species`` with fewer than ``below`` neighbours of those species within ``cutoff`` (A).

    With ``average`` the number of neighbours is averaged over the samples of a segment; ``below`` may be a fraction.
    """

    type: Literal["coordination"]
    species: Elements
    cutoff: Positive
    below: Positive
    average: bool = False


class CentrosymmetryRule(Table):
    """Seeds: atoms of ``species`` whose centro-symmetry parameter is above ``above`` (A^2).

    It is taken over the ``neighbors`` nearest atoms of those species; atoms that have fewer within ``cutoff`` (A), or
    for which the last of them is as near as the next, are seeds, too.
    """

    type: Literal["centrosymmetry"]
    species: Elements
    cutoff: Positive
    above: Positive
    neighbors: Annotated[int, Field(ge=2, multiple_of=2)] = 12


class AgreementRule(Table):
    """Atoms on whose energy the experts differ by more than ``tolerance`` (eV) are complex; they do not grow."""

    type: Literal["agreement"]
    tolerance: Positive


RuleConfig = Annotated[
    SpeciesRule | IndicesRule | SlabRule | BoxRule | CoordinationRule | CentrosymmetryRule | AgreementRule,
    Field(discriminator="type"),
]
