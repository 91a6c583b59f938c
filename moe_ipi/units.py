"""Conversions between i-PI's atomic units and the eV and angstrom used everywhere else.

The factors are i-PI's own (``ipi.utils.units``), so that a value converted here and converted back by
i-PI is the same number.
"""

from __future__ import annotations

from ipi.utils.units import unit_to_user

#: One bohr in angstrom.
BOHR = float(unit_to_user("length", "angstrom", 1.0))
#: One hartree in eV.
HARTREE = float(unit_to_user("energy", "electronvolt", 1.0))
#: One hartree/bohr in eV/angstrom.  i-PI's constants have eight digits, so this is not quite HARTREE / BOHR (1e-7).
HARTREE_PER_BOHR = float(unit_to_user("force", "ev/ang", 1.0))
