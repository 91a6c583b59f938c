"""The pairs that ship, by their names."""

from __future__ import annotations

from pathlib import Path

import pytest

from moe_ipi.errors import ConfigError
from moe_ipi.models import available, find_config, pretrained


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_by_name() -> None:
    assert available() == ["pt-co"]
    assert find_config("pt-co") == pretrained("pt-co") and pretrained("pt-co").is_file()


def test_a_folder_of_that_name_does_not_hide_the_pair(folder: Path) -> None:
    """As one has it after `cp -r .../models/pt-co .`, or for the outputs of a run."""
    (folder / "pt-co").mkdir()
    assert find_config("pt-co") == pretrained("pt-co")
    (folder / "pt-co" / "moe.toml").write_text("")
    assert find_config("pt-co") == pretrained("pt-co")
    assert find_config("pt-co/moe.toml") == Path("pt-co/moe.toml")


def test_a_file_of_that_name_is_what_the_user_means(folder: Path) -> None:
    (folder / "pt-co").write_text("")
    assert find_config("pt-co") == Path("pt-co")


def test_neither(folder: Path) -> None:
    (folder / "other").mkdir()
    for name in ("other", "none.toml"):
        with pytest.raises(ConfigError, match=f"there is no config '{name}'; give the path .* a shipped pair: pt-co"):
            find_config(name)
