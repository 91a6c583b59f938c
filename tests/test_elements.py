"""i-PI's labels: every isotope that i-PI knows is an element."""

from ase.data import atomic_masses, atomic_numbers
from ipi.utils.units import Elements

from moe_ipi.elements import element_symbols, is_element, isotopes, isotopes_in_ase


def test_every_label_of_ipi_is_accounted_for() -> None:
    known = isotopes()
    for label in ("D", "T", "Z", "H2", "C13", "C14", "O17", "O18", "Cl37", "Br81"):
        assert label in known
    others = {label for label in Elements.mass_list if not is_element(label)}
    # A photon and the dummy atom are no elements.
    assert others - set(known) == {"L", "X"}
    for label, symbol in known.items():
        assert is_element(symbol) and not is_element(label)
        # The mass is that of an isotope: at most two neutrons more, three times that of hydrogen.
        assert abs(Elements.mass_list[label] - atomic_masses[atomic_numbers[symbol]]) < 10.0


def test_symbols() -> None:
    assert element_symbols(["Pt", "D", "C13", "Cl37", "Uut", "Qq"]) == ["Pt", "H", "C", "Cl", "Nh", "Qq"]


def test_ase_is_left_as_it_was() -> None:
    before = dict(atomic_numbers)
    try:
        with isotopes_in_ase():
            assert atomic_numbers["C13"] == 6
            raise KeyError
    except KeyError:
        pass
    assert atomic_numbers == before
