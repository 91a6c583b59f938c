"""The ``[[regions.rules]]`` tables: what makes an atom a seed.

A rule is a class here, a function in :mod:`moe_ipi.regions.rules` and lines in ``docs/reference/config.md``.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from moe_ipi.config.base import Coordinate, Elements, Positive, Table


class SpeciesRule(Table):
    """Seeds: every atom of the given elements."""

    type: Literal["species"]
    """The kind of rule."""
    species: Elements
    """The elements."""


class IndicesRule(Table):
    """Seeds: atoms by number, in the order of the template."""

    type: Literal["indices"]
    """The kind of rule."""
    indices: Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1)]
    """The numbers, counted from 0."""


class SlabRule(Table):
    """Seeds: atoms with a periodic image between two planes."""

    type: Literal["slab"]
    """The kind of rule."""
    axis: Literal["x", "y", "z"]
    """Cartesian axis at right angles to the planes; i-PI turns cells so that a is along x."""
    min: Coordinate
    """A: coordinate of the lower plane."""
    max: Coordinate
    """A: coordinate of the upper plane, not below ``min``."""

    @model_validator(mode="after")
    def _ordered(self) -> SlabRule:
        if self.min > self.max:
            raise ValueError("min must not be larger than max")
        return self


class BoxRule(Table):
    """Seeds: atoms with a periodic image inside a Cartesian box."""

    type: Literal["box"]
    """The kind of rule."""
    min: tuple[Coordinate, Coordinate, Coordinate]
    """A: x, y and z of the lower corner."""
    max: tuple[Coordinate, Coordinate, Coordinate]
    """A: x, y and z of the upper corner, none below that of ``min``."""

    @model_validator(mode="after")
    def _ordered(self) -> BoxRule:
        if any(lo > hi for lo, hi in zip(self.min, self.max, strict=True)):
            raise ValueError("min must not be larger than max")
        return self


class CoordinationRule(Table):
    """Seeds: atoms with few neighbours, such as those of a step edge."""

    type: Literal["coordination"]
    """The kind of rule."""
    species: Elements
    """Only atoms of these elements are looked at and counted."""
    cutoff: Positive
    """A: atoms within this distance are neighbours."""
    below: Positive
    """Atoms with fewer neighbours are seeds; it may be a fraction, which matters to an average."""
    average: bool = False
    """Average the number of neighbours over the samples of a segment (``segments.sample_steps``)."""


class CentrosymmetryRule(Table):
    """Seeds: atoms whose surroundings are not the same seen through the atom: defects, surfaces.

    Atoms that have fewer than ``neighbors`` atoms within ``cutoff``, or for which the last of them is as near as the
    next, are seeds, too.
    """

    type: Literal["centrosymmetry"]
    """The kind of rule."""
    species: Elements
    """Only atoms of these elements are looked at and counted."""
    cutoff: Positive
    """A: neighbours are looked for within this distance."""
    above: Positive
    """A^2: atoms with a larger centro-symmetry parameter are seeds."""
    neighbors: Annotated[int, Field(ge=2, multiple_of=2)] = 12
    """The parameter is taken over so many nearest atoms: full shells of the crystal (12: fcc)."""


class AgreementRule(Table):
    """Atoms on whose energy the experts differ are complex, but do not grow.

    It costs one evaluation of both experts on all atoms in a segment.
    """

    type: Literal["agreement"]
    """The kind of rule."""
    tolerance: Positive
    """eV: atoms on whose energy the experts differ by more are complex."""


RuleConfig = Annotated[
    SpeciesRule | IndicesRule | SlabRule | BoxRule | CoordinationRule | CentrosymmetryRule | AgreementRule,
    Field(discriminator="type"),
]
