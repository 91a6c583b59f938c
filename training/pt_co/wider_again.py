"""The same kinds of Pt and of CO on Pt again, other ones, and more CO where it will be simulated."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from start import Start
from wider_crystals import crystals
from wider_monoxide import monoxide, place
from wider_surfaces import add_pt, hollow, slab, surfaces, top_layer

PREFIX = "again-"


def again(rng: np.random.Generator) -> Iterator[Start]:
    """Crystals, surfaces and CO as in the other ``wider_*.py``, drawn anew, and CO at rest on common surfaces."""
    yield from crystals(rng, PREFIX, f"{PREFIX}crystals")
    yield from surfaces(rng, PREFIX, f"{PREFIX}surfaces")
    yield from monoxide(rng, PREFIX, f"{PREFIX}co", frames=5)
    yield from common(rng)


def common(rng: np.random.Generator) -> Iterator[Start]:
    """One or two CO upright on (111), also beside a vacancy or an adatom, and on (211) and (100); 150-900 K."""
    sizes = {
        "111": ((3, 3, 4), (2, 2, 6), (3, 3, 3), (2, 2, 4), (4, 3, 3)),
        "211": ((3, 3, 3), (3, 2, 4)),
        "100": ((3, 3, 3), (2, 2, 5)),
    }
    for face, count in (("111", 220), ("211", 50), ("100", 30)):
        for k in range(count):
            atoms = slab(face, sizes[face][k % len(sizes[face])], rng, stretch=0.01)
            near = None
            if face == "111" and k % 6 == 4 and len(atoms) > 26:
                near = hollow(atoms, rng)
                add_pt(atoms, near)
            elif face == "111" and k % 6 == 5 and len(atoms) > 26:
                vacant = int(rng.choice(top_layer(atoms)))
                near = atoms.positions[vacant, :2].copy()
                del atoms[vacant]
            for _ in range(1 + (k % 4 == 3)):
                place(atoms, rng, (1.8, 2.1), tilt=20.0, near=near)
            t = rng.uniform(150, 900)
            yield Start(f"{PREFIX}common-{face}-{k:03d}", atoms, t, 6, "co", f"{PREFIX}co", rattled=k % 3 == 0)
