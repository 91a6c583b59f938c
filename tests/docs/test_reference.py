"""The pages to look things up are complete: keys, commands, names, runs, protocol."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import get_args

import pytest
from pydantic import BaseModel

import moe_ipi
from moe_ipi import config
from moe_ipi.config.base import Table
from moe_ipi.driver import evaluator
from moe_ipi.inband import parameters
from moe_ipi.inband.request import Probe
from moe_ipi.typing import Hamiltonian

DOCS = Path(__file__).parents[2] / "docs"


def extension(name: str) -> ModuleType:
    """A file of ``docs/_ext``."""
    spec = importlib.util.spec_from_file_location(name, DOCS / "_ext" / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def tables(table: type[BaseModel] = Table) -> Iterator[type[BaseModel]]:
    for each in table.__subclasses__():
        if each.__module__.startswith("moe_ipi."):
            yield each
            yield from tables(each)


FIELDS = [(table, name) for table in tables() for name in table.model_fields]


@pytest.fixture(scope="module")
def reference() -> str:
    return extension("config_tables").reference()


def test_all_tables_are_found() -> None:
    names = {name for name in config.__all__ if isinstance(getattr(config, name), type)}
    assert {table.__name__ for table, _ in FIELDS} == names


@pytest.mark.parametrize(("table", "name"), FIELDS, ids=lambda part: getattr(part, "__name__", part))
def test_every_key_is_described(table: type[BaseModel], name: str, reference: str) -> None:
    description = table.model_fields[name].description
    assert description and description.endswith("."), f"put a text under {table.__name__}.{name}"
    text = re.sub(r"``(.+?)``", r"`\1`", " ".join(description.split())).replace("|", "\\|")
    rows = [line for line in reference.splitlines() if text in line]
    if name in ("complex", "bulk", "rules"):
        assert rows and f".{name}]" in rows[0]
    elif table is config.Config and name != "template":
        assert f"\n## [{name}]\n" in reference
    else:
        assert any(row.startswith(f"| `{name}` |") for row in rows)


@pytest.mark.parametrize(
    "row",
    [
        "| `radius_in` | number, at least 0 | none | A: a bulk",
        "| `neighbors` | integer, at least 2, a multiple of 2 | `12` |",
        "| `species` | list, not empty: symbol of an element | *required* |",
        '| `lattice` | `"fcc"` or `"bcc"` or `"diamond"` | `"fcc"` |',
        "| `min` | list of 3: number | *required* |",
        "| `labels` | path | none |",
        "| `compile` | `true` or `false` | `false` |",
    ],
)
def test_values_and_defaults(row: str, reference: str) -> None:
    assert row in reference


def test_every_command_is_in_the_reference() -> None:
    reference = extension("commands").reference()
    for name in ("run", "driver", "regions", "trajectory", "validate", "compile", "demo", "lammps data", "lammps run"):
        assert re.search(rf"^#+ `moe-ipi {name}`$", reference, re.MULTILINE), name
    assert "* `--stall-timeout SECONDS`: " in reference
    assert "* `--template <path>`: " in reference


def test_every_public_name_is_on_the_page_of_python() -> None:
    page = (DOCS / "reference" / "api.md").read_text(encoding="utf-8")
    for name in moe_ipi.__all__:
        assert re.search(rf"^\.\. auto\w+:: {name}\b", page, re.MULTILINE), name


@pytest.mark.parametrize(
    "folder", sorted(path.name for path in (DOCS.parent / "ipi_inputs").iterdir() if path.is_dir())
)
def test_every_kind_of_run_has_a_page(folder: str) -> None:
    page = (DOCS / "runs" / f"{folder}.md").read_text(encoding="utf-8")
    for name in ("README.md", "input.xml"):
        assert f"../../ipi_inputs/{folder}/{name}\n" in page
    assert f"]({folder}.md)" in (DOCS / "runs" / "index.md").read_text(encoding="utf-8")


def test_the_page_of_the_protocol_has_all_names() -> None:
    page = (DOCS / "reference" / "protocol.md").read_text(encoding="utf-8")
    for name in (*parameters.NAMES, *get_args(Hamiltonian), *get_args(Probe)):
        assert f"`{name}`" in page, name
    # Extras, where drivers make them.
    source = Path(evaluator.__file__).read_text(encoding="utf-8")
    for name in sorted(set(re.findall(r"\bmoe_\w+(?=\"\]|\":|=)", source))):
        assert f"`{name}`" in page, name
