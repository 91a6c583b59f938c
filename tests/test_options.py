"""What users may write as a time."""

from __future__ import annotations

import pytest
import typer

from moe_ipi.options import seconds


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("90", 90),
        ("0.5", 0.5),
        ("2:05", 125),
        ("12:00:00", 43_200),
        ("1-02:03:04", 93_784),
        (" 30:00 ", 1800),
    ],
)
def test_times(text: str, expected: float) -> None:
    assert seconds(text) == expected


@pytest.mark.parametrize("text", ["", "0", "00:00:00", "-5", "1h", "1:2:3:4", "1-30:00", "UNLIMITED"])
def test_no_times(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="is no time"):
        seconds(text)


def test_of_a_command(command, case) -> None:
    status, _, stderr = command("run", "input.xml", "-c", "moe.toml", "--walltime", "soon")
    assert status == 2 and "'soon' is no time: give seconds, or HH:MM:SS" in " ".join(stderr.split())
