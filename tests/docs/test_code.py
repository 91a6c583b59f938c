"""The code in the documentation is right: Python runs, TOML is a config, XML is XML, commands and options exist."""

from __future__ import annotations

import re
import shlex
import tomllib
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import pytest
import typer

from moe_ipi import cli
from moe_ipi.config import Config
from tests.helpers.markdown import Block, blocks, follow

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted([*DOCS.rglob("*.md"), *ROOT.glob("ipi_inputs/*/*.md"), *ROOT.glob("training/**/*.md")])
PAGES += [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "drivers" / "README.md"]
PAGES += sorted(ROOT.glob("moe_ipi/models/*/*.md"))
#: What a fragment leaves out.
BASE: dict[str, Any] = {
    "experts": {name: {"type": "finnis-sinclair", "parameters": name} for name in ("complex", "bulk")},
    "regions": {"radius": 4.0},
}


def cases(language: str) -> list[Any]:
    return [
        pytest.param(block, id=f"{page.relative_to(ROOT)}:{block.line}")
        for page in PAGES
        for block in blocks(page)
        if block.language == language
    ]


@pytest.mark.parametrize(
    "page",
    [page for page in DOCS.rglob("*.md") if page.parent.name != "tutorials" and "```python" in page.read_text()],
    ids=lambda page: page.stem,
)
def test_python_runs(page: Path, tmp_path: Path) -> None:
    follow(page, tmp_path)


@pytest.mark.parametrize("block", cases("toml"))
def test_toml_is_a_config(block: Block) -> None:
    Config.model_validate(BASE | tomllib.loads(block.text))


@pytest.mark.parametrize("block", cases("xml"))
def test_xml_is_well_formed(block: Block) -> None:
    ElementTree.fromstring(f"<all>{block.text}</all>")


def commands() -> dict[str, set[str]]:
    """Every command and its options."""
    found: dict[str, set[str]] = {}

    def walk(command: Any, words: tuple[str, ...]) -> None:
        found[" ".join(words)] = {"-h", "--help", *(name for each in command.params for name in each.opts)} | {
            name for each in command.params for name in each.secondary_opts
        }
        for name, inner in getattr(command, "commands", {}).items():
            walk(inner, (*words, name))

    walk(typer.main.get_command(cli.app), ("moe-ipi",))
    return found


COMMANDS = commands()
LINES = [
    pytest.param(line.strip(), id=f"{page.relative_to(ROOT)}: {line.strip()[:60]}")
    for page in PAGES
    for text in (*(block.text for block in blocks(page)), *re.findall(r"`(moe-ipi [^`\n]+)`", page.read_text()))
    for line in text.splitlines()
    if re.search(r"^[^#]*(^|[ ;&])moe-ipi [a-z]", line)
]


def unknown(line: str) -> str:
    """What of a command line does not exist; empty if all does."""
    words = shlex.split(line.partition("moe-ipi ")[2].replace("...", ""), comments=True)
    name = "moe-ipi"
    while words and f"{name} {words[0]}" in COMMANDS:
        name = f"{name} {words.pop(0)}"
    if name in ("moe-ipi", "moe-ipi lammps") and words and not words[0].startswith("-"):
        return f"{name} {words[0]}"
    # What follows is another program's, or another command.
    words = words[: next((k for k, word in enumerate(words) if word in ("--", "&", "&&", "|", ">", "#")), None)]
    options = [word.partition("=")[0] for word in words if re.match(r"--?[A-Za-z]", word)]
    return " ".join(option for option in options if option not in COMMANDS[name])


@pytest.mark.parametrize("line", LINES)
def test_commands_and_options_exist(line: str) -> None:
    assert unknown(line) == ""


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ("moe-ipi run input.xml -c pt-co -n 2", ""),
        ("mpiexec -n 4 moe-ipi lammps run in.lmp -c moe.toml -- -var T 300", ""),
        ("moe-ipi fly", "moe-ipi fly"),
        ("moe-ipi run input.xml -c pt-co --drivers 2 --fast", "--fast"),
        ("moe-ipi lammps jump", "moe-ipi lammps jump"),
    ],
)
def test_what_does_not_exist_is_found(line: str, wrong: str) -> None:
    assert unknown(line) == wrong
