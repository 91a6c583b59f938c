"""Pieces of moe.toml."""

from __future__ import annotations

#: The analytic experts: no model file is needed.
ANALYTIC = """
[experts.complex]
type = "finnis-sinclair"
parameters = "complex"
[experts.bulk]
type = "finnis-sinclair"
parameters = "bulk"
"""

#: C and O, and what is near.
AROUND_CO = '[regions]\nradius = 3.0\n[[regions.rules]]\ntype = "species"\nspecies = ["C", "O"]\n'

#: For runs of i-PI; as other tests edit the text, it is written in one way.
FOR_RUNS = """[regions]
radius = 2.6
rules = [{ type = "species", species = ["C", "O"] }]
[driver]
extras = ["assignment", "atom_energies"]
"""
MOE_TOML = ANALYTIC + FOR_RUNS

#: CO at 900 K: Pt atoms come and go, and every rule that remembers takes part.
ADAPTIVE = (
    MOE_TOML.replace("radius = 2.6", "radius_in = 3.3\nradius_out = 3.4\ndwell = 2").replace(
        "rules = [{",
        'rules = [{ type = "coordination", species = ["Pt"], cutoff = 3.0, below = 8, average = true }, {',
    )
    + "[segments]\nsample_steps = 3\n"
)
#: No memory: Pt atoms change all the time as they vibrate, and as CO leaves.
CHANGING = MOE_TOML.replace("radius = 2.6", "radius = 1.5").replace(
    "rules = [{", 'rules = [{ type = "coordination", species = ["Pt"], cutoff = 2.9, below = 8 }, {'
)
#: Pt atoms around CO are drawn: an edge in which most of them are.
GIBBS = MOE_TOML.replace("radius = 2.6", "radius_in = 2.6\nradius_out = 4.0") + '[segments]\nreassignment = "gibbs"\n'
#: The same with what is fixed in space: CO is deep inside a slab, and the upper Pt atoms are at its edge.
GIBBS_SLAB = GIBBS.replace("radius_in = 2.6\nradius_out = 4.0", "radius_in = 1.4\nradius_out = 2.4").replace(
    '{ type = "species", species = ["C", "O"] }', '{ type = "slab", axis = "z", min = 10.0, max = 12.0 }'
)


def models(path: object, complex: str, bulk: str) -> str:
    """Both experts from one model file, by their names in it."""
    keys = {"complex": complex, "bulk": bulk}
    return "".join(f'\n[experts.{name}]\npath = "{path}"\nkey = "{key}"\n' for name, key in keys.items())
