"""What the README and the page about moe.toml show is true."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from moe_ipi.config import Config, load_config

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
KEYS = (ROOT / "docs/reference/config.md").read_text(encoding="utf-8")


def block(language: str, page: str) -> str:
    text: str = re.findall(rf"^```{language}\n(.*?)^```", page, re.DOTALL | re.MULTILINE)[0]
    return text


def test_python_code_runs(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", block("python", README)], capture_output=True, text=True, cwd=tmp_path, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(r"-\d+\.\d+ eV; \d+ of 66 atoms are complex\n", done.stdout)


def test_every_key_of_the_config_is_documented_and_valid(tmp_path):
    path = tmp_path / "moe.toml"
    path.write_text(block("toml", KEYS))
    config = load_config(path)
    tables = [
        Config,
        *(
            type(t)
            for t in (
                config.experts,
                config.regions,
                config.segments,
                config.harvest,
                config.compute,
                config.driver,
                config.run,
            )
        ),
    ]
    tables += [type(config.experts.complex), *(type(rule) for rule in config.regions.rules)]
    for table in tables:
        for key in table.model_fields:
            assert re.search(rf"\b{key}\b", block("toml", KEYS)), f"{table.__name__}.{key} is not on the page"


@pytest.mark.parametrize("target", sorted(set(re.findall(r"make ([a-z-]+)", README)) - {"g"}))
def test_make_targets_exist(target):
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE)


@pytest.mark.parametrize(
    "path", sorted(set(re.findall(r"`((?:drivers|ipi_inputs|training|benchmarks)/[\w/]*)`", README)))
)
def test_folders_exist(path):
    assert (ROOT / path).is_dir()


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\((?!http)([^)]+)\)", README))))
def test_links_lead_somewhere(link):
    assert (ROOT / link).exists()
