"""A structure in three dimensions, coloured by expert: an HTML page that needs no network."""

from __future__ import annotations

import html
import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.data import covalent_radii
from numpy.typing import NDArray

from moe_ipi.errors import MoEError
from moe_ipi.picture import BULK_COLOR, COMPLEX_COLOR, expert_colors
from moe_ipi.whole import whole

#: A browser turns more spheres than this only haltingly.
MOST_ATOMS = 10_000

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
body {{ font: 15px/1.4 system-ui, sans-serif; margin: 0; height: 100vh; display: flex; flex-direction: column; }}
p {{ margin: .4rem .6rem; }} #structure {{ flex: 1; min-height: 12rem; }} #meta {{ display: none; }}
</style>
</head>
<body>
<p><b>{title}</b> <span style="color: {complex_color}">●</span> complex expert, {n_complex} atoms;
<span style="color: {bulk_color}">●</span> bulk expert, {n_bulk} atoms. Drag to turn, scroll to zoom, click for the
expert of an atom.</p>
<div id="meta"></div><div id="structure"></div><div id="info"></div>
<!-- The viewer is chemiscope {version}, BSD-3-Clause, https://chemiscope.org -->
<script>{viewer}</script>
<script>
const failed = error => {{ document.getElementById("structure").textContent = "This cannot be shown here: " + error; }};
Chemiscope.StructureVisualizer.load({{ meta: "meta", structure: "structure", info: "info" }}, {data})
  .then(() => {{ document.body.dataset.shown = "yes"; }}, failed);
</script>
</body>
</html>
"""


class ViewError(MoEError):
    """A structure cannot be shown in three dimensions, or the page cannot be written."""


def require_viewer() -> None:
    """Fail before anything is computed, not after.

    Raises:
        ViewError: chemiscope, which shows structures, is not installed.
    """
    _viewer()


def view_or_reason(atoms: Atoms, assignment: NDArray[np.bool_], *, title: str) -> tuple[str | None, str]:
    """:func:`view_html`, or None and why there is none: where a page is welcome, but not what was asked for."""
    try:
        return view_html(atoms, assignment, title=title), ""
    except ViewError as error:
        return None, str(error)


def write_view(atoms: Atoms, assignment: NDArray[np.bool_], path: Path, *, title: str) -> None:
    """Write :func:`view_html` into a file.

    Raises:
        ViewError: see there; or the file cannot be written.
    """
    page = view_html(atoms, assignment, title=title)
    try:
        path.write_text(page, encoding="utf-8")
    except OSError as error:
        raise ViewError(f"cannot write '{path}': {error.strerror or error}; name another file") from error


def view_html(atoms: Atoms, assignment: NDArray[np.bool_], *, title: str) -> str:
    """A page with the structure, which can be turned; chemiscope's viewer is in it.

    Atoms have the colour of their expert and their covalent radius; molecules and slabs are whole, see
    :func:`moe_ipi.whole.whole`.

    Args:
        atoms: N atoms.
        assignment: (N,) bool, True for atoms of the complex expert.
        title: plain text.

    Raises:
        ViewError: chemiscope is not installed, or there are more than :data:`MOST_ATOMS` atoms.
    """
    viewer = _viewer()
    if len(atoms) > MOST_ATOMS:
        raise ViewError(
            f"{len(atoms)} atoms are too many for a page in three dimensions (at most {MOST_ATOMS}); write an extxyz "
            "and open it in OVITO"
        )
    # In a script, nothing may look like its end.
    data = json.dumps(_dataset(whole(atoms), assignment, title)).replace("<", "\\u003c")
    n_complex = int(np.count_nonzero(assignment))
    return _PAGE.format(
        title=html.escape(title),
        complex_color=COMPLEX_COLOR,
        bulk_color=BULK_COLOR,
        n_complex=n_complex,
        n_bulk=len(atoms) - n_complex,
        version=version("chemiscope"),
        viewer=viewer.replace("</script", "<\\/script"),
        data=data,
    )


def _dataset(atoms: Atoms, assignment: NDArray[np.bool_], title: str) -> Any:
    import chemiscope

    bare = Atoms(atoms.symbols, positions=atoms.positions, cell=atoms.cell, pbc=atoms.pbc)
    spheres = [
        {"radius": float(covalent_radii[number]), "color": color}
        for number, color in zip(bare.numbers, expert_colors(assignment), strict=True)
    ]
    experts = ["complex" if complex else "bulk" for complex in assignment]
    shown = {
        "shape": ["expert"],
        "bonds": False,
        "unitCell": bool(bare.cell.rank == 3),
        "environments": {"activated": False},
        "camera": _camera(bare),
    }
    return chemiscope.create_input(
        [bare],
        metadata={"name": title},
        properties={"expert": {"target": "atom", "values": experts}},
        shapes={"expert": {"kind": "sphere", "parameters": {"global": {}, "atom": spheres}}},
        environments=chemiscope.all_atomic_environments([bare]),
        settings={"target": "atom", "structure": [shown]},
    )


def _camera(atoms: Atoms) -> dict[str, Any]:
    """From above, all atoms within the window: chemiscope alone would begin twice as near.

    The camera is 150 A from the centre, less ``zoom``, and sees 20 degrees (both are 3Dmol's).
    """
    low, high = atoms.positions.min(axis=0), atoms.positions.max(axis=0)
    reach = float(np.linalg.norm(high - low)) + 4.0
    centre = dict(zip("xyz", map(float, -(low + high) / 2), strict=True))
    zoom = 150.0 - reach / (2 * np.tan(np.radians(10.0)))
    return {
        "center": centre,
        "eye": centre | {"z": centre["z"] + 1.0},
        "up": {"x": 0.0, "y": 1.0, "z": 0.0},
        "zoom": float(zoom),
    }


def _viewer() -> str:
    """The JavaScript of chemiscope's viewer, which its package brings for pages of documentation."""
    try:
        import chemiscope

        folder = Path(chemiscope.__file__).parent
        return (folder / "sphinx" / "static" / "chemiscope.min.js").read_text(encoding="utf-8")
    except (ImportError, OSError) as error:
        raise ViewError("the view in three dimensions needs chemiscope; pip install 'moe-ipi[view]'") from error
