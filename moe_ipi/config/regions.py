"""The ``[regions]`` table: rules, growth and memory."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

from pydantic import Field, model_validator

from moe_ipi.config.base import Length, Table
from moe_ipi.config.rules import AgreementRule, BoxRule, IndicesRule, RuleConfig, SlabRule


class RegionsConfig(Table):
    """Which atoms are complex: the seeds that rules find (their union), and atoms near a seed.

    Either ``radius``, or both ``radius_in`` and ``radius_out``, which must not be smaller than ``radius_in``.
    """

    radius: Length | None = None
    """A: how near to a seed atoms are complex; the same as giving ``radius_in`` and ``radius_out`` this value."""
    radius_in: Length | None = None
    """A: a bulk atom this close to a seed becomes complex."""
    radius_out: Length | None = None
    """A: a complex atom this close to a seed stays complex.  Where assignments are drawn, the weight of the complex
    expert falls from 1 at ``radius_in`` to 0 here."""
    dwell: Annotated[int, Field(ge=0)] = 0
    """Segments that an atom stays complex at least."""
    rules: list[RuleConfig] = Field(default=[])
    """What makes an atom a seed; no rule: all atoms are bulk."""

    @model_validator(mode="after")
    def _one_way_to_say_it(self) -> RegionsConfig:
        two = (self.radius_in, self.radius_out)
        if self.radius is not None and two != (None, None):
            raise ValueError("give either radius, or radius_in and radius_out, not both")
        if self.radius is None and None in two:
            raise ValueError("give radius, or both radius_in and radius_out")
        if self.inner > self.outer:
            raise ValueError("radius_in must not be larger than radius_out")
        return self

    @classmethod
    def fixed(cls, atoms: Iterable[int]) -> RegionsConfig:
        """Regions of these atoms, by number from 0, and no others; they never change."""
        indices = [int(atom) for atom in atoms]
        return cls(radius=0.0, rules=[IndicesRule(type="indices", indices=indices)] if indices else [])

    @property
    def inner(self) -> float:
        """A; a bulk atom this close to a seed becomes complex."""
        radius = self.radius if self.radius is not None else self.radius_in
        assert radius is not None  # the validator saw to it
        return radius

    @property
    def outer(self) -> float:
        """A; a complex atom this close to a seed stays complex."""
        radius = self.radius if self.radius is not None else self.radius_out
        assert radius is not None
        return radius

    @property
    def needs_disagreement(self) -> bool:
        """Whether a rule asks how much the experts differ."""
        return any(isinstance(rule, AgreementRule) for rule in self.rules)

    @property
    def oriented_axes(self) -> str:
        """The axes (``""`` to ``"xyz"``) along which a rule measures; it matters how the atoms are turned."""
        axes = {rule.axis for rule in self.rules if isinstance(rule, SlabRule)}
        return "xyz" if any(isinstance(rule, BoxRule) for rule in self.rules) else "".join(sorted(axes))
