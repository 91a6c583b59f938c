"""The model that is there: what a bulk expert must have in common with it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ase import Atoms
from ase.data import atomic_numbers, reference_states

from moe_ipi.calculator import MoECalculator
from moe_ipi.config import ValidationConfig
from moe_ipi.cotraining.experts import shifts_of
from moe_ipi.errors import ConfigError, ModelError, MoEError
from moe_ipi.experts.nequip.archive import check_archive
from moe_ipi.experts.nequip.expert import NequipExpert
from moe_ipi.experts.nequip.module import expert_from_module
from moe_ipi.experts.nequip.saved import saved_module
from moe_ipi.potential import MoEPotential
from moe_ipi.properties.crystal import crystal_of as crystal_named_by
from moe_ipi.properties.equation_of_state import equation_of_state
from moe_ipi.typing import FloatArray

_LATTICES = ("fcc", "bcc", "diamond")


@dataclass(frozen=True)
class Source:
    """A finished model.

    Attributes:
        path: its file.
        key: its name in there.
        expert: the model as an expert.
        shifts: reference energy of each element, eV.
        dtype: ``"float32"`` or ``"float64"``.
    """

    path: Path
    key: str
    expert: NequipExpert
    shifts: dict[str, float]
    dtype: str

    def recipe(self, file: str) -> dict[str, Any]:
        """How a training builds the model from a copy of its file."""
        packaged = file.endswith(".nequip.zip")
        kind, where = ("Package", "package_path") if packaged else ("Checkpoint", "checkpoint_path")
        return {"_target_": f"nequip.model.ModelFrom{kind}", where: file, "key": self.key}

    def energies(self, atoms: Atoms) -> FloatArray:
        """(N,) eV, of the atoms of a structure."""
        return energies_of(self.expert, atoms)


def read_source(path: Path, key: str | None) -> Source:
    """Load a model.

    Args:
        path: a checkpoint or a package.
        key: its name in a file with several models.

    Raises:
        ModelError: it cannot be loaded, or cannot be an expert.
    """
    if not path.is_file():
        raise ModelError(
            f"the model '{path}' does not exist; give a checkpoint, a package or nequip.net:GROUP/MODEL:VERSION"
        )
    if ".pt2" in path.suffixes or ".pth" in path.suffixes:
        raise ModelError(f"'{path}' is compiled and cannot take part in a training; give the package it was made from")
    check_archive(path, "complex")
    module, found = saved_module(path, key, "complex")
    expert = expert_from_module(module, name="complex")
    module.requires_grad_(False)
    shifts = dict(zip(module.type_names, shifts_of(module, "complex").tolist(), strict=True))
    dtype = str(module.model_dtype).removeprefix("torch.")
    return Source(path.resolve(), found, expert, shifts, dtype)


def energies_of(expert: NequipExpert, atoms: Atoms) -> FloatArray:
    """(N,) eV, of the atoms of a structure with one expert."""
    potential = MoEPotential(expert, expert, atoms.get_chemical_symbols())
    energies: FloatArray = potential.evaluate(
        atoms.positions[None], atoms.cell.array[None], pbc=atoms.pbc, hamiltonian="complex"
    ).atom_energies[0]
    return energies


def crystal_of(source: Source, text: str | None, structures: list[Atoms], seeds: list[str]) -> ValidationConfig | None:
    """The crystal on which both experts must agree.

    Args:
        source: the model.
        text: ``ELEMENT,LATTICE[,PARAMETER]``; a structure file; ``"none"``; by default that of the element of the
            structures, if all but the seeds are of one.  A parameter (A) that is not given is that of the model.
        structures: those of the user.
        seeds: elements around which atoms are complex.

    Raises:
        ConfigError: the text cannot be understood.
    """
    if text == "none":
        return None
    if text is not None and ("," not in text or Path(text).is_file()):
        return _of_file(source, Path(text))
    if text is None:
        hosts = {symbol for atoms in structures for symbol in atoms.get_chemical_symbols()} - set(seeds)
        state = reference_states[atomic_numbers[next(iter(hosts))]] if len(hosts) == 1 else None
        if state is None or state["symmetry"] not in _LATTICES:
            return None
        words = [hosts.pop(), state["symmetry"]]
    else:
        words = text.split(",")
    try:
        element, lattice, *rest = words
        number = float(rest[0]) if rest else _first_guess(element)
        crystal = ValidationConfig.model_validate({"element": element, "lattice": lattice, "lattice_parameter": number})
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError(
            f"the crystal '{text}' cannot be understood; write ELEMENT,LATTICE,PARAMETER with a lattice of "
            f"{', '.join(_LATTICES)} and the parameter in A, such as Pt,fcc,3.977, or give a structure file, or none"
        ) from error
    _check_elements(source, [element])
    if len(words) > 2:
        return crystal
    try:
        found = _lattice_parameter(source, crystal)
    except MoEError:
        if text is None:
            return None
        raise
    return crystal.model_copy(update={"lattice_parameter": found})


def _of_file(source: Source, path: Path) -> ValidationConfig:
    if not path.is_file():
        raise ConfigError(
            f"--crystal: there is no file '{path}'; write ELEMENT,LATTICE,PARAMETER, such as Pt,fcc,3.977, or give a "
            "structure file, or none"
        )
    wanted = ValidationConfig(crystal=path)
    _check_elements(source, crystal_named_by(wanted).elements)
    return wanted


def _check_elements(source: Source, elements: list[str]) -> None:
    unknown = [element for element in elements if element not in source.expert.species]
    if unknown:
        raise ConfigError(f"the model does not know the crystal's element {unknown[0]}; correct --crystal")


def _first_guess(element: str) -> float:
    """A: ASE's lattice parameter."""
    state: Any = reference_states[atomic_numbers[element]]
    return float(state["a"])


def _lattice_parameter(source: Source, crystal: ValidationConfig) -> float:
    """A: of the model's own crystal."""
    atoms = crystal_named_by(crystal).unit
    potential = MoEPotential(source.expert, source.expert, atoms.get_chemical_symbols())
    fit = equation_of_state(atoms, MoECalculator(potential, hamiltonian="complex"))
    return round(fit.lattice_parameter, 4)
