"""No colour of an element hides which expert an atom has."""

import numpy as np

from moe_ipi.picture import ADSORBATE_COLORS, BULK_COLOR, COMPLEX_COLOR, atom_colors


def test_adsorbates_keep_the_colours_of_their_elements() -> None:
    colors = atom_colors(["Pt", "Pt", "C", "O"], np.array([True, False, True, True]))
    assert colors == [COMPLEX_COLOR, BULK_COLOR, ADSORBATE_COLORS["C"], ADSORBATE_COLORS["O"]]


def test_elements_of_both_experts_do_not() -> None:
    both = np.array([True, False])
    assert atom_colors(["C", "C"], both) == [COMPLEX_COLOR, BULK_COLOR]
    # Nor where no atom would show the colour of the complex expert.
    assert atom_colors(["C", "Pt"], both) == [COMPLEX_COLOR, BULK_COLOR]
