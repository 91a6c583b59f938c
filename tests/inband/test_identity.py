"""What a run computes with, as text."""

from __future__ import annotations

from pathlib import Path

import pytest

from moe_ipi.config import Config, load_config
from moe_ipi.inband.identity import IdentityError, decode, identity_of
from tests.helpers.configs import ANALYTIC, AROUND_CO

SPECIES = ["Pt", "Pt", "C", "O"]


def config(folder: Path, text: str = ANALYTIC + AROUND_CO) -> Config:
    path = folder / "moe.toml"
    path.write_text(text)
    return load_config(path)


def test_what_is_encoded_is_decoded(tmp_path: Path) -> None:
    identity = identity_of(config(tmp_path), SPECIES)
    text = identity.encode()
    assert decode(text) == identity
    # i-PI splits at commas and colons, and turns what looks like a number into one.
    assert not set(text) & set(",:{} ") and text[0].isalpha()


@pytest.mark.parametrize(
    ("changed", "species", "what"),
    [
        (ANALYTIC + AROUND_CO, ["Pt", "C", "Pt", "O"], ["other atoms"]),
        (ANALYTIC.replace('"bulk"', '"complex"') + AROUND_CO, SPECIES, ["another bulk expert"]),
        (ANALYTIC.replace('"complex"\n', '"bulk"\n') + AROUND_CO, SPECIES, ["another complex expert"]),
        (ANALYTIC + AROUND_CO.replace("3.0", "3.1"), SPECIES, ["other regions"]),
    ],
)
def test_differences_are_named(tmp_path: Path, changed: str, species: list[str], what: list[str]) -> None:
    mine = identity_of(config(tmp_path), SPECIES)
    other = identity_of(config(tmp_path, changed), species)
    assert mine.differences(other, regions=True) == what
    assert mine.differences(other, regions=False) == [each for each in what if each != "other regions"]


def test_an_isotope_is_its_element(tmp_path: Path) -> None:
    same = config(tmp_path)
    assert identity_of(same, ["H", "C"]) == identity_of(same, ["D", "C13"])


def test_a_model_file_counts_by_content_and_key(tmp_path: Path) -> None:
    text = '[experts.complex]\npath = "a.ckpt"\n[experts.bulk]\npath = "b.ckpt"\nkey = "bulk"\n' + AROUND_CO
    for name in ("a.ckpt", "b.ckpt", "c.ckpt"):
        (tmp_path / name).write_bytes(b"model")
    mine = identity_of(config(tmp_path, text), SPECIES)
    assert identity_of(config(tmp_path, text.replace("a.ckpt", "c.ckpt")), SPECIES) == mine
    other = identity_of(config(tmp_path, text.replace('"bulk"', '"other"')), SPECIES)
    assert mine.differences(other, regions=True) == ["another bulk expert"]
    (tmp_path / "a.ckpt").write_bytes(b"another model")
    assert mine.differences(identity_of(config(tmp_path, text), SPECIES), regions=True) == ["another complex expert"]
    (tmp_path / "a.ckpt").unlink()
    with pytest.raises(IdentityError, match=r"cannot read the model file .*a\.ckpt"):
        identity_of(config(tmp_path, text), SPECIES)


def test_precision_counts(tmp_path: Path) -> None:
    full, fast = (identity_of(config(tmp_path), SPECIES, precision) for precision in ("highest", "medium"))
    assert full.differences(fast, regions=False) == ["another compute precision"]


@pytest.mark.parametrize("damage", [lambda text: text[:-1], lambda text: text.replace("id1", "id2"), lambda text: "x"])
def test_damage_is_one_line(tmp_path: Path, damage) -> None:
    text = identity_of(config(tmp_path), SPECIES).encode()
    with pytest.raises(IdentityError, match="cannot be read"):
        decode(damage(text))
