"""The rooms of the house: who may import whom, and where what others keep private is touched."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import moe_ipi

PACKAGE = Path(moe_ipi.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))

#: From top to bottom: what stands on a floor imports from its own and from those below.
FLOORS = (
    ("__main__", "cli", "demo", "ahead", "look", "new", "trajectory", "distill"),
    ("run",),
    ("plugin",),
    ("lammps", "torchsim"),
    ("validation",),
    ("properties",),
    ("driver", "calculator"),
    ("inband",),
    ("cotraining",),
    ("assignment", "potential"),
    ("regions", "experts"),
    ("neighbors", "edges", "structure"),
    ("config", "models", "examples"),
    ("frames", "cell", "nearest", "picture", "view", "whole", "elements", "labels", "ledger", "record"),
    ("typing", "units", "errors", "jit", "threads", "memory", "caches", "options", "signals", "files"),
)
FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}

#: Attributes of i-PI's objects that it does not promise to keep.
PRIVATE_OF_IPI = r"\._(ufvx|forces|thread|killed|event_done)\b|\.(taint|tainted)\(|property_dict"
#: Modules and names that are private in NequIP, and ways into its private registries.
PRIVATE_OF_NEQUIP = r"from nequip\S* import [^\n]*\b_\w+|nequip\.\S*\b_\w+|import nequip\.\S*\._|\b_from_saved_model\b"


def name_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {name_of(path): path for path in FILES}


def imports(path: Path) -> Iterator[str]:
    """Modules of this package that a file imports, wherever in it, without the name of the package."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            if not name.startswith("moe_ipi."):
                continue
            name = name.removeprefix("moe_ipi.")
            # What is imported from a module is a module or a name in it.
            yield name if name in MODULES else name.rpartition(".")[0]


GRAPH = {name: sorted(set(imports(path)) - {name}) for name, path in MODULES.items() if name}


def test_every_file_has_a_floor() -> None:
    assert {name.partition(".")[0] for name in GRAPH} == set(FLOOR)
    assert all(target in MODULES and target for targets in GRAPH.values() for target in targets)


@pytest.mark.parametrize("module", GRAPH)
def test_no_import_runs_upwards(module: str) -> None:
    floor = FLOOR[module.partition(".")[0]]
    upwards = [target for target in GRAPH[module] if FLOOR[target.partition(".")[0]] < floor]
    assert not upwards, f"{module} imports {', '.join(upwards)}"


def test_there_is_no_circle() -> None:
    done: set[str] = set()

    def visit(module: str, path: tuple[str, ...]) -> None:
        assert module not in path, "circle: " + " -> ".join((*path[path.index(module) :], module))
        if module not in done:
            for target in GRAPH[module]:
                visit(target, (*path, module))
            done.add(module)

    for module in GRAPH:
        visit(module, ())


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_no_file_is_long(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 300


@pytest.mark.parametrize(
    ("pattern", "home"), [(PRIVATE_OF_IPI, "plugin.engine"), (PRIVATE_OF_NEQUIP, "experts.nequip.internals")]
)
def test_what_others_keep_private_is_touched_in_one_file(pattern: str, home: str) -> None:
    found = {name for name, path in MODULES.items() if re.search(pattern, path.read_text(encoding="utf-8"))}
    assert found == {home}


def test_no_private_name_of_another_module_is_used() -> None:
    """Within the package, too: what a file calls _so is its own."""
    for name, path in MODULES.items():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("moe_ipi"):
                assert not [alias.name for alias in node.names if alias.name.startswith("_")], name
