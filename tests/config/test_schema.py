"""The JSON schema of moe.toml allows what is documented, and marks what is wrong."""

from __future__ import annotations

import copy
import json
import tomllib
from collections.abc import Callable
from typing import Any

import jsonschema
import pytest

from moe_ipi.config.schema import json_schema
from moe_ipi.models import pretrained
from tests.helpers.configs import ADAPTIVE, GIBBS, MOE_TOML
from tests.test_readme import KEYS, README, block

VALIDATOR = jsonschema.Draft7Validator(json_schema())


def test_it_is_a_schema() -> None:
    jsonschema.Draft7Validator.check_schema(json_schema())


@pytest.mark.parametrize(
    "text", [block("toml", KEYS), block("toml", README), MOE_TOML, ADAPTIVE, GIBBS, pretrained("pt-co").read_text()]
)
def test_what_is_allowed(text: str) -> None:
    VALIDATOR.validate(tomllib.loads(text))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d["regions"].update(radios=1.0), "'radios' was unexpected"),
        (lambda d: d["regions"].update(dwell=-1), "-1"),
        (lambda d: d["regions"]["rules"].append({"type": "slab", "axis": "w", "min": 0.0, "max": 1.0}), "slab"),
        (
            lambda d: d["regions"]["rules"].append({"type": "box", "min": [0.0, 0.0, "x"], "max": [1.0, 1.0, 1.0]}),
            "'x'",
        ),
        (lambda d: d["experts"].pop("bulk"), "'bulk' is a required property"),
        (lambda d: d["experts"].update(bulk={"key": "bulk"}), "bulk"),
        (lambda d: d.update(compute={"device": "gpu"}), "'gpu'"),
    ],
)
def test_what_is_marked(change: Callable[[dict[str, Any]], Any], message: str) -> None:
    data = copy.deepcopy(tomllib.loads(MOE_TOML))
    change(data)
    with pytest.raises(jsonschema.ValidationError) as error:
        VALIDATOR.validate(data)
    assert message in str(error.value)


def test_the_command_prints_it(command) -> None:
    status, out, _ = command("schema")
    assert status == 0 and json.loads(out) == json_schema()
