"""The JSON schema of a ``moe.toml``, from which editors complete keys and mark what is wrong."""

from __future__ import annotations

from typing import Any

from moe_ipi.config.tables import Config

#: What editors for TOML know; pydantic writes 2020-12.
_DRAFT = "http://json-schema.org/draft-07/schema#"


def json_schema() -> dict[str, Any]:
    """The schema, made from the tables that also check the file: what it allows may still be refused for its values."""
    return {"$schema": _DRAFT, **_as_draft_7(Config.model_json_schema())}


def _as_draft_7(value: Any) -> Any:
    """In draft 7 the members of a tuple are ``items``, and there are no discriminators."""
    if isinstance(value, list):
        return [_as_draft_7(each) for each in value]
    if not isinstance(value, dict):
        return value
    names = {"prefixItems": "items"}
    return {names.get(key, key): _as_draft_7(each) for key, each in value.items() if key != "discriminator"}
