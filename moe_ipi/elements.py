"""Chemical symbols, and the labels that i-PI knows besides them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from threading import Lock

from ase.data import atomic_numbers, chemical_symbols

#: Digits of the systematic names of elements without one of their own, such as Uut, 113.
_DIGITS = "nubtqphsoe"
#: Dalton; between a muon's and a helium's mass there is only hydrogen (i-PI's Z is between H and D).
_HYDROGEN = (0.5, 3.5)
#: Whoever reads a file while ASE knows the isotopes.
_ase = Lock()


def element_symbols(labels: Iterable[str]) -> list[str]:
    """Chemical symbols for i-PI's labels of atoms; a label that is no isotope stays as it is.

    An isotope (``D``, ``C13``, ``Cl37``, ...) is its element with another mass, and the potential does not know masses.
    """
    known = isotopes()
    return [known.get(str(label), str(label)) for label in labels]


def is_element(symbol: str) -> bool:
    """Whether this is the symbol of an element; ASE's dummy ``X`` is none."""
    return symbol in atomic_numbers and symbol != "X"


@cache
def isotopes() -> dict[str, str]:
    """The chemical symbol of every label to which i-PI gives a mass, and that is an element by another name."""
    # Imported here: a config is checked without i-PI.
    from ipi.utils.units import Elements

    found = {label: _element_of(label, mass) for label, mass in Elements.mass_list.items() if not is_element(label)}
    return {label: symbol for label, symbol in found.items() if symbol is not None}


def _element_of(label: str, mass: float) -> str | None:
    """C13 is C, and H2 is H; D, T and Z are hydrogen by their mass; Uut is number 113; i-PI's photon is nothing."""
    symbol = label.rstrip("0123456789")
    if is_element(symbol):
        return symbol
    if len(label) == 3 and set(label.lower()) <= set(_DIGITS):
        return chemical_symbols[int("".join(str(_DIGITS.index(letter)) for letter in label.lower()))]
    return "H" if _HYDROGEN[0] < mass < _HYDROGEN[1] else None


@contextmanager
def isotopes_in_ase() -> Iterator[None]:
    """Let ASE read labels of isotopes as their elements, in any format."""
    with _ase:
        added = {label: atomic_numbers[symbol] for label, symbol in isotopes().items() if label not in atomic_numbers}
        atomic_numbers.update(added)
        try:
            yield
        finally:
            for label in added:
                del atomic_numbers[label]
