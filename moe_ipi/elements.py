"""Chemical symbols, and the labels that i-PI knows besides them."""

from __future__ import annotations

from collections.abc import Iterable

from ase.data import atomic_numbers

#: i-PI's labels of isotopes; the potential does not know masses.
_ISOTOPES = {"D": "H"}


def element_symbols(labels: Iterable[str]) -> list[str]:
    """Chemical symbols for i-PI's labels of atoms; a label that is no isotope stays as it is."""
    return [_ISOTOPES.get(str(label), str(label)) for label in labels]


def is_element(symbol: str) -> bool:
    """Whether this is the symbol of an element; ASE's dummy ``X`` is none."""
    return symbol in atomic_numbers and symbol != "X"
