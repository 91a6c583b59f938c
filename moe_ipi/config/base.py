"""What the tables of a ``moe.toml`` are made of.

The text under a key is its description: the reference in ``docs/reference/config.md`` is made of it.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from moe_ipi.elements import is_element


def _element(symbol: str) -> str:
    if not is_element(symbol):
        raise ValueError(f"'{symbol}' is not the symbol of an element")
    return symbol


Element = Annotated[str, AfterValidator(_element), Field(json_schema_extra={"format": "element"})]
Elements = Annotated[list[Element], Field(min_length=1)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Length = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Coordinate = Annotated[float, Field(allow_inf_nan=False)]


class Table(BaseModel):
    """A table: unknown keys are refused, values do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)
