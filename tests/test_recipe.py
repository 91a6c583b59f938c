"""The conda recipe says what pyproject.toml says."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
RECIPE = yaml.safe_load((ROOT / "recipe" / "recipe.yaml").read_text(encoding="utf-8"))
#: What conda-forge calls differently from PyPI.
CONDA = {"ipi": "i-pi", "matplotlib": "matplotlib-base", "torch": "pytorch", "vesin": "python-vesin"}


def requirement(text: str) -> tuple[str, set[str]]:
    """Name and bounds: "ase>=3.23" and "ase >=3.23" are the same."""
    name, bounds = re.fullmatch(r"([\w.-]+)\s*([^\s].*)?", text).groups()
    return name, set((bounds or "").replace(" ", "").split(","))


def test_dependencies() -> None:
    wanted = dict(requirement(text) for text in PROJECT["dependencies"])
    wanted = {CONDA.get(name, name): bounds for name, bounds in wanted.items()}
    found = dict(requirement(text) for text in RECIPE["requirements"]["run"])
    assert found.pop("python") == {">=${{python_min}}"}
    assert found == wanted
    assert PROJECT["requires-python"] == f">={RECIPE['context']['python_min']}"


def test_what_else_is_said_twice() -> None:
    assert RECIPE["context"]["name"] == PROJECT["name"] and RECIPE["context"]["version"] == PROJECT["version"]
    assert RECIPE["build"]["python"]["entry_points"] == [f"{k} = {v}" for k, v in PROJECT["scripts"].items()]
    about = RECIPE["about"]
    assert about["summary"] == PROJECT["description"] and about["license"] == PROJECT["license"]
    assert [about["license_file"]] == PROJECT["license-files"] and about["homepage"] == PROJECT["urls"]["Homepage"]
