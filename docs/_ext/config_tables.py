"""The reference of the ``moe.toml``, made from the models that read it (their JSON schema)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from moe_ipi.config import Config

Schema = dict[str, Any]
_BOUNDS = {"minimum": "at least", "exclusiveMinimum": "above", "maximum": "at most", "exclusiveMaximum": "below"}
_SIMPLE = {"boolean": "`true` or `false`", "integer": "integer", "number": "number"}


def reference() -> str:
    """Markdown: a section for each table of the file."""
    whole = Config.model_json_schema()
    return "\n".join(_Reference(whole["$defs"]).lines(whole))


class _Reference:
    def __init__(self, definitions: dict[str, Schema]) -> None:
        self._definitions = definitions

    def lines(self, whole: Schema) -> Iterator[str]:
        tables = {name: table for name, schema in whole["properties"].items() if (table := self._table(schema))}
        yield "## Above all tables\n"
        yield from self._keys(whole, {name for name in whole["properties"] if name not in tables})
        for name, table in tables.items():
            required = name in whole.get("required", ())
            kinds = {key: self._kinds(schema) for key, schema in table["properties"].items()}
            # Keys that are tables again, each of one of several kinds.
            inner = {key: found for key, found in kinds.items() if found}
            yield f"## [{name}]\n"
            yield _text(table["description"]) + ("" if required else " The table may be left out.") + "\n"
            if len(inner) < len(kinds):
                yield from self._keys(table, kinds.keys() - inner.keys())
            for key in inner:
                array = table["properties"][key].get("type") == "array"
                heading = f"`[[{name}.{key}]]`" if array else f"`[{name}.{key}]`"
                yield f"{heading}: {_description(key, table['properties'][key])}\n"
            for kind in next(iter(inner.values()), []):
                yield f'### {name}: type = "{kind["properties"]["type"]["const"]}"\n'
                yield _text(kind["description"]) + "\n"
                yield from self._keys(kind, set(kind["properties"]))

    def _keys(self, table: Schema, names: set[str]) -> Iterator[str]:
        yield "| key | value | default | what |\n|---|---|---|---|"
        for name, schema in table["properties"].items():
            if name in names:
                default = "*required*" if name in table.get("required", ()) else _literal(schema.get("default"))
                cells = (f"`{name}`", self._value(schema), default, _description(name, schema))
                yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
        yield ""

    def _table(self, schema: Schema) -> Schema | None:
        """The table that a key is, if it is one."""
        reference = _not_null(schema).get("$ref")
        return self._definitions[reference.rpartition("/")[2]] if reference else None

    def _kinds(self, schema: Schema) -> list[Schema]:
        options = (schema.get("items") or schema).get("oneOf", [])
        return [table for option in options if (table := self._table(option))]

    def _value(self, schema: Schema) -> str:
        schema = _not_null(schema)
        if "const" in schema:
            return _literal(schema["const"])
        if "enum" in schema:
            return " or ".join(_literal(value) for value in schema["enum"])
        if "prefixItems" in schema:
            return f"list of {len(schema['prefixItems'])}: {self._value(schema['prefixItems'][0])}"
        if schema["type"] == "array":
            some = ", not empty" if schema.get("minItems") else ""
            return f"list{some}: {self._value(schema['items'])}"
        if schema["type"] == "string":
            kind = {"path": "path", "element": "symbol of an element"}.get(schema.get("format", ""), "string")
            return kind + (f" `{schema['pattern']}`" if "pattern" in schema else "")
        if schema["type"] == "object":
            names = self._value(schema.get("propertyNames", {}) | {"type": "string"})
            return f"table: {names} = {self._value(schema['additionalProperties'])}"
        bounds = [f"{words} {schema[key]:g}" for key, words in _BOUNDS.items() if key in schema]
        if "multipleOf" in schema:
            bounds.append(f"a multiple of {schema['multipleOf']}")
        return ", ".join([_SIMPLE[schema["type"]], *bounds])


def _not_null(schema: Schema) -> Schema:
    return next((option for option in schema.get("anyOf", ()) if option.get("type") != "null"), schema)


def _literal(value: object) -> str:
    return "none" if value is None else f"`{json.dumps(value)}`"


def _description(name: str, schema: Schema) -> str:
    if "description" not in schema:
        raise ValueError(f"the key '{name}' has no text under it: add it in moe_ipi/config")
    return _text(schema["description"])


def _text(description: str) -> str:
    """Of a docstring: in one line, with Markdown's quotes."""
    return re.sub(r"``(.+?)``", r"`\1`", " ".join(description.split()))
