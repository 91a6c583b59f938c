"""The page in three dimensions, in a browser without network."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from matplotlib.colors import rgb_to_hsv, to_rgb
from matplotlib.image import imread

from moe_ipi.picture import BULK_COLOR, COMPLEX_COLOR
from moe_ipi.view import MOST_ATOMS, ViewError, view_html, view_or_reason, write_view
from tests.helpers.browser import chromium, needs_chromium
from tests.helpers.structures import co_on_pt


def test_a_page_asks_for_nothing_else() -> None:
    atoms = co_on_pt()
    page = view_html(atoms, np.arange(len(atoms)) > 8, title="<b>")
    # Without the viewer itself, which is one script.
    own = re.sub(r"<script>.{100000,}?</script>", "", page, flags=re.DOTALL)
    assert len(own) < 20000 and not re.search(r"(src|href|import)\s*[=(]", own)
    assert "<title>&lt;b&gt;</title>" in own and f"complex expert, {len(atoms) - 9} atoms" in own
    assert page.count("</script") == 2


@needs_chromium
def test_atoms_can_be_seen_without_network(tmp_path: Path) -> None:
    atoms = co_on_pt()
    path, shot = tmp_path / "view.html", tmp_path / "shot.png"
    write_view(atoms, np.arange(len(atoms)) > 8, path, title="CO on Pt(111)")
    chromium(path, tmp_path, "--window-size=500,500", "--virtual-time-budget=5000", f"--screenshot={shot}")
    pixels = imread(shot)[:, :, :3].reshape(-1, 3)
    colored = rgb_to_hsv(pixels)
    for color in (COMPLEX_COLOR, BULK_COLOR):
        hue, saturation, _ = rgb_to_hsv(to_rgb(color))
        # Shading changes how light a colour is, and not much else.
        alike = (np.abs(colored[:, 0] - hue) < 0.02) & (np.abs(colored[:, 1] - saturation) < 0.1)
        assert alike.mean() > 0.02


def test_no_chemiscope_and_too_many_atoms(monkeypatch: pytest.MonkeyPatch) -> None:
    many = Atoms(f"Pt{MOST_ATOMS + 1}")
    with pytest.raises(ViewError, match="too many for a page"):
        view_html(many, np.zeros(len(many), bool), title="")
    monkeypatch.setitem(sys.modules, "chemiscope", None)
    assert view_or_reason(co_on_pt(), np.zeros(14, bool), title="") == (
        None,
        "the view in three dimensions needs chemiscope; pip install 'moe-ipi[view]'",
    )
