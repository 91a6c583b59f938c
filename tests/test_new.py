"""`moe-ipi new`: runnable folders, from a checkout and from a wheel."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import ase.io
import numpy as np
import pytest
from ase.build import fcc111
from ase.io import write

from moe_ipi import examples
from moe_ipi.config import ModelExpert, load_config
from moe_ipi.config.schema import json_schema
from moe_ipi.new import rendered
from moe_ipi.plugin.ipi_input import read_input
from moe_ipi.units import BOHR
from tests.helpers.processes import ROOT, one_error

KINDS = sorted(examples.available())
#: That have an i-PI input; metadynamics is read with PLUMED only.
RUNS = sorted(path.parent.name for path in ROOT.glob("ipi_inputs/*/input.xml"))


def test_every_input_of_the_repository_is_offered() -> None:
    assert sorted([*RUNS, "slurm", "train", "distill"]) == KINDS


@pytest.mark.parametrize("kind", KINDS)
def test_a_folder_is_whole(command, tmp_path: Path, kind: str) -> None:
    folder = tmp_path / "new" / kind
    status, out, err = command("new", kind, str(folder))
    assert (status, err) == (0, "")
    typed = re.search(rf"^next: cd {folder} && (.*)$", out, re.MULTILINE).group(1)
    readme = (folder / "README.md").read_text()
    assert f"    {typed}\n" in readme and "-c pt-co" not in readme
    if kind == "distill":  # its moe.toml is what comes out
        assert not (folder / "moe.toml").exists()
        return
    config = load_config(folder / "moe.toml")
    first = (folder / "moe.toml").read_text().splitlines()[0]
    assert json.loads((folder / first.removeprefix("#:schema ")).read_text()) == json_schema()
    assert isinstance(config.experts.bulk, ModelExpert)
    assert config.experts.bulk.path.is_file() or kind == "train"  # there it is what comes out
    for name in re.findall(r"init\.xyz|plumed\.dat|job\.sh|your_pair|input\.xml", readme + typed):
        assert list(folder.glob(name + "*"))
    if (folder / "input.xml").exists():
        addresses = re.findall(r"<address>(.*)</address>", (folder / "input.xml").read_text())
        assert addresses and set(re.findall(r"-u -a (\S+)", readme)) in (set(addresses), set())
        if kind != "metad":
            assert [server.address for _, server in read_input(folder / "input.xml", folder).servers] == addresses


def test_the_script_of_a_distillation(command, tmp_path: Path, monkeypatch) -> None:
    """Its options are those of the command: nothing but the user's model is missing."""
    folder = tmp_path / "new"
    assert command("new", "distill", str(folder))[0] == 0
    shim = tmp_path / "bin" / "moe-ipi"
    shim.parent.mkdir()
    shim.write_text("#!/bin/sh\nprintf '%s\\n' \"$@\"\n")
    shim.chmod(0o755)
    monkeypatch.setenv("PATH", f"{shim.parent}{os.pathsep}{os.environ['PATH']}")

    def typed() -> list[str]:
        done = subprocess.run(["sh", "distill.sh"], cwd=folder, capture_output=True, text=True, timeout=60, check=True)
        return done.stdout.splitlines()

    assert "the model 'model.nequip.zip' does not exist" in one_error(command(*typed()))
    script = folder / "distill.sh"
    adapted = {
        "key=": "key='a model'",
        "crystal=": "crystal=PdH.cif",
        "structures=structures.xyz": "structures='a.xyz b.xyz'",
    }
    text = script.read_text()
    for line, mine in adapted.items():
        assert text.count(f"\n{line} ") == 1
        text = text.replace(f"\n{line} ", f"\n{mine} ")
    script.write_text(text)
    words = typed()
    assert words[:6] == ["distill", "model.nequip.zip", "a.xyz", "b.xyz", "--key", "a model"]
    assert words[words.index("--crystal") + 1] == "PdH.cif"


def test_two_folders_have_two_addresses() -> None:
    texts = [rendered("pimd_mts")["input.xml"] for _ in range(2)]
    first, second = (set(re.findall("<address>(.*)</address>", text)) for text in texts)
    assert len(first) == len(second) == 2 and not first & second


def test_without_a_kind_they_are_listed(command) -> None:
    status, out, _ = command("new")
    assert status == 0 and [line.split()[0] for line in out.splitlines()[: len(KINDS)]] == KINDS


OWN = """
template = 'slab.xyz'
[experts]
complex = { path = "pair.nequip.zip", key = "a" }
bulk = { path = "nequip.net:group/model:1" }
[regions]
radius = 4.0
[validation]
element = "Cu"
lattice = "fcc"
lattice_parameter = 3.6
labels = "data/labels = 2.xyz"
"""


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A folder with a moe.toml and a structure."""
    (tmp_path / "moe.toml").write_text(OWN)
    write(tmp_path / "slab.vasp", fcc111("Cu", (2, 1, 3), vacuum=6.0, periodic=True))
    return tmp_path


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in ("metad", "train", "distill")])
def test_a_pair_and_a_structure_of_ones_own(command, own: Path, kind: str) -> None:
    given = ("-c", str(own / "moe.toml"), "--structure", str(own / "slab.vasp"))
    folder = own / "new"
    status, out, err = command("new", kind, str(folder), *given)
    assert (status, err) == (0, "") and f"next: cd {folder} && " in out
    assert load_config(folder / "moe.toml") == load_config(own / "moe.toml")
    assert load_config(folder / "moe.toml").validation.labels == own / "data/labels = 2.xyz"
    read, slab = read_input(folder / "input.xml", folder), ase.io.read(own / "slab.vasp")
    assert read.species == ("Cu",) * 6
    np.testing.assert_allclose(read.positions * BOHR, slab.positions, atol=1e-7)
    np.testing.assert_allclose(read.cell.T * BOHR, slab.cell.array, atol=1e-7)
    assert "slab.vasp` and `" in (folder / "README.md").read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("metad", "--structure", "slab.vasp"), "cannot be had with another structure (its plumed.dat counts atoms)"),
        (("train", "--structure", "slab.vasp"), "cannot be had with another structure (it has none)"),
        (("train", "-c", "moe.toml"), "is for a pair that does not exist yet: leave out -c"),
        (
            ("distill", "--structure", "slab.vasp"),
            "is for a pair that does not exist yet: leave out -c and --structure",
        ),
        (("nve", "-c", "none.toml"), "there is no config 'none.toml'"),
        (("nve", "-c", "escaped.toml"), "write absolute paths in double quotes"),
        (("nve", "--structure", "none.xyz"), "'none.xyz' does not exist"),
        (("nve", "--structure", "heavy.xyz"), "'heavy.xyz' has isotopes (D)"),
    ],
)
def test_files_of_ones_own_that_cannot_be_used(
    command, own: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], message: str
) -> None:
    monkeypatch.chdir(own)
    (own / "escaped.toml").write_text(OWN.replace('"pair.nequip.zip"', r'"pair\u002enequip.zip"'))
    (own / "heavy.xyz").write_text("2\n# CELL(abcABC): 9 9 9 90 90 90 positions{angstrom}\nD 0 0 0\nCu 0 0 2\n")
    assert message in one_error(command("new", arguments[0], "new", *arguments[1:]))
    assert not (own / "new").exists()


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("unknown kind", "there is no example 'fly'; give one of distill, "),
        ("not empty", "is not empty, and nothing is overwritten"),
        ("a file", "exists already, and nothing is overwritten"),
        ("below a file", "give another folder"),
    ],
)
def test_nothing_is_overwritten(command, tmp_path: Path, what: str, message: str) -> None:
    mine = tmp_path / "mine" / "input.xml"
    mine.parent.mkdir()
    mine.write_text("precious")
    where = {"not empty": mine.parent, "a file": mine, "below a file": mine / "x"}.get(what, tmp_path / "x")
    assert message in one_error(command("new", "fly" if what == "unknown kind" else "nve", str(where)))
    assert mine.read_text() == "precious" and [mine] == list(mine.parent.iterdir())
    assert not (tmp_path / "x").exists()


def test_the_wheel_carries_the_examples(tmp_path: Path) -> None:
    """A wheel has the files to which the links of the repository lead, and no more of these folders."""
    source = tmp_path / "source"
    for name in ("moe_ipi", "ipi_inputs", "drivers"):
        shutil.copytree(ROOT / name, source / name, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
    (source / "training").mkdir()
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE", "training/your_pair.yaml"):
        shutil.copy(ROOT / name, source / name)
    # A run was made in the folder of an example.
    (source / "ipi_inputs" / "nve" / "RESTART").write_text("mine")
    code = "from setuptools import build_meta; build_meta.build_wheel('..')"
    done = subprocess.run([sys.executable, "-c", code], cwd=source, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        texts = {name: archive.read(name).decode() for name in archive.namelist() if "/examples/" in name}
    expected = {f"moe_ipi/examples/{kind}/{name}": t for kind in KINDS for name, t in examples.files(kind).items()}
    assert len(expected) >= 3 * len(RUNS)
    texts.pop("moe_ipi/examples/__init__.py")
    assert texts == expected
