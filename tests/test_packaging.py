"""What an index shows of the package."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from email import message_from_bytes
from pathlib import Path

import pytest

from tests.helpers.processes import ROOT

LINK = re.compile(r"\]\(([^)\s]+)\)")
README = (ROOT / "README.md").read_text(encoding="utf-8")


def described(folder: Path, source: str | None) -> str:
    """The description in the metadata of a wheel, for a repository with an address or without one."""
    (folder / "moe_ipi").mkdir()
    (folder / "moe_ipi/__init__.py").touch()
    for name in ("setup.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder / name)
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not line.startswith("Source =")]
    at = lines.index("[project.urls]") + 1
    (folder / "pyproject.toml").write_text(
        "\n".join([*lines[:at], *([f'Source = "{source}"'] if source else []), *lines[at:]])
    )
    code = "from setuptools import build_meta; build_meta.prepare_metadata_for_build_wheel('out')"
    (folder / "out").mkdir()
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    (metadata,) = folder.glob("out/*/METADATA")
    message = message_from_bytes(metadata.read_bytes())
    assert message["Description-Content-Type"] == "text/markdown"
    payload = message.get_payload(decode=True)
    assert isinstance(payload, bytes)
    return payload.decode()


@pytest.mark.parametrize("source", [None, "https://example.org/us/moe_ipi/"])
def test_no_link_of_the_readme_is_relative(tmp_path: Path, source: str | None) -> None:
    here = [link for link in LINK.findall(README) if not link.startswith("http")]
    text = described(tmp_path, source)
    links = LINK.findall(text)
    assert len(here) > 10 and all(link.startswith("https://") for link in links)
    base = "https://example.org/us/moe_ipi/blob/HEAD/"
    assert [link.removeprefix(base) for link in links if link.startswith(base)] == (here if source else [])
    if source:
        assert text.replace(base, "") == README
    else:  # every file is still named, and where to find it
        assert all(link in text for link in here) and "source distribution" in text
