"""Damaged model files are refused before torch sees them."""

from __future__ import annotations

import random
import struct
import tomllib
import zipfile
from pathlib import Path

import pytest
import torch

from moe_ipi.errors import ModelError
from moe_ipi.experts.nequip import artifacts, saved
from moe_ipi.experts.nequip.archive import archive_problem, digest
from moe_ipi.experts.nequip.load import load_nequip_model
from moe_ipi.models import find_config

PACKAGE = find_config("pt-co").parent / "pair.nequip.zip"


def contents(path: Path) -> list[tuple[int, int]]:
    """Where in an archive the contents of its parts begin and end."""
    data, found = path.read_bytes(), []
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            name, extra = struct.unpack("<HH", data[info.header_offset + 26 : info.header_offset + 30])
            start = info.header_offset + 30 + name + extra
            found.append((start, start + info.compress_size))
    return found


@pytest.fixture
def never(monkeypatch):
    """torch must not see the file."""
    for module, name in ((saved, "load_saved"), (artifacts, "load_artifact")):
        monkeypatch.setattr(module, name, lambda *arguments: pytest.fail("torch has seen a damaged file"))


def test_one_bit_in_the_largest_parts_of_a_package(tmp_path, never):
    assert archive_problem(PACKAGE) is None
    path, data, rng = tmp_path / "pair.nequip.zip", PACKAGE.read_bytes(), random.Random(1)
    for start, end in sorted(contents(PACKAGE), key=lambda part: part[0] - part[1])[:20]:
        damaged = bytearray(data)
        damaged[rng.randrange(start, end)] ^= 1 << rng.randrange(8)
        path.write_bytes(damaged)
        for compile in (False, True):
            with pytest.raises(ModelError, match=r"the complex expert .* is damaged \(.*\); copy or") as caught:
                load_nequip_model(path, key="complex", name="complex", compile=compile)
            assert "\n" not in str(caught.value)


@pytest.mark.parametrize("suffix", [".nequip.zip", ".ckpt", ".nequip.pt2"])
@pytest.mark.parametrize("how", ["flipped", "short"])
def test_every_kind_of_file(tmp_path, never, suffix, how):
    path = tmp_path / f"model{suffix}"
    torch.save({"weights": torch.arange(1000.0)}, path)
    assert archive_problem(path) is None
    data = bytearray(path.read_bytes())
    start, end = max(contents(path), key=lambda part: part[1] - part[0])
    if how == "flipped":
        data[(start + end) // 2] ^= 1
    else:
        del data[end:]
    path.write_bytes(data)
    with pytest.raises(ModelError, match="the file is damaged"):
        load_nequip_model(path, name="bulk")


def test_a_whole_file_that_is_another(tmp_path, never):
    """Its checksums fit: only the config can tell."""
    path = tmp_path / "model.ckpt"
    torch.save({"weights": torch.arange(1000.0)}, path)
    sha256 = digest(path)
    torch.save({"weights": torch.arange(1000.0) + 1e-3}, path)
    with pytest.raises(
        ModelError,
        match=f"not the file that the bulk expert was given with: .* is {digest(path)}; copy .*experts.bulk.sha256",
    ):
        load_nequip_model(path, name="bulk", sha256=sha256)
    for table in tomllib.loads(find_config("pt-co").read_text())["experts"].values():
        assert table["sha256"] == digest(PACKAGE)


def test_any_damage_is_one_line(tmp_path):
    """Wherever it is: nothing but a sentence comes of it."""
    path, data, rng = tmp_path / "some.zip", bytearray(), random.Random(2)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a", bytes(range(256)))
        archive.writestr("b", b"b" * 1000)
    whole = path.read_bytes()
    for _ in range(500):
        data = bytearray(whole)
        for _ in range(rng.choice([1, 1, 5])):
            data[rng.randrange(4, len(data))] = rng.randrange(256)
        path.write_bytes(data)
        problem = archive_problem(path)
        assert problem is None or (problem and "\n" not in problem)


def test_other_files_are_not_looked_at(tmp_path):
    path = tmp_path / "old.ckpt"
    torch.save({"weights": torch.zeros(3)}, path, _use_new_zipfile_serialization=False)
    assert archive_problem(path) is None


def test_a_file_that_cannot_be_read(tmp_path):
    with pytest.raises(ModelError, match="cannot read"):
        archive_problem(tmp_path)
