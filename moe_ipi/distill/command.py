"""The work behind ``moe-ipi distill``."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import Any, Literal

import ase.io
import numpy as np
from ase import Atoms

from moe_ipi.config import NEQUIP_NET, RegionsConfig, ValidationConfig
from moe_ipi.distill.pair import moe_toml
from moe_ipi.distill.recipe import Size, recipe_text, unlabelled_cells
from moe_ipi.distill.source import Source, crystal_of, energies_of, read_source
from moe_ipi.distill.structures import read_structures, with_copies
from moe_ipi.distill.training import build_package, train
from moe_ipi.elements import is_element
from moe_ipi.errors import ConfigError, ModelError, MoEError
from moe_ipi.experts.nequip.archive import digest
from moe_ipi.experts.nequip.download import local_file
from moe_ipi.experts.nequip.module import expert_from_module
from moe_ipi.experts.nequip.saved import saved_module
from moe_ipi.files import copy_whole, write_whole
from moe_ipi.properties.crystal import crystal_of as crystal_named_by
from moe_ipi.properties.crystal import primitive
from moe_ipi.validation.command import Options, run_validate
from moe_ipi.validation.inputs import first_with_region
from moe_ipi.validation.report import require_jinja

Log = Callable[[str], None]
#: A crystal that was given as a file: the conventional cell in the folder of the pair, the primitive with the training.
_CRYSTAL = "crystal.xyz"


@dataclass(frozen=True)
class Wishes:
    """What to make.

    Attributes:
        key: name of the model in a file with several.
        species, radius: atoms within ``radius`` (A) of one of these elements are complex.
        crystal: see :func:`moe_ipi.distill.source.crystal_of`.
        size: the bulk expert and its training.
        copies, strain, rattle: see :func:`moe_ipi.distill.structures.with_copies`.
        report: how much of the validation is made.
    """

    key: str | None = None
    species: Sequence[str] = ()
    radius: float = 4.5
    crystal: str | None = None
    size: Size = field(default_factory=Size)
    copies: int | None = None
    strain: float = 0.03
    rattle: float = 0.12
    report: Literal["full", "quick", "none"] = "quick"

    @property
    def regions(self) -> dict[str, Any]:
        """The ``[regions]`` of the training, as a config has them."""
        rules = [{"type": "species", "species": list(self.species)}] if self.species else []
        return {"radius": self.radius, "rules": rules}


def distill(
    model: Path, structures: Sequence[Path], output: Path, wishes: Wishes | None = None, log: Log = print
) -> None:
    """Make a pair of a model and a bulk expert that was trained to agree with it.

    What was done is not done again: the same call goes on with an interrupted training from its last checkpoint.

    Args:
        model: a checkpoint or a package of a strictly local model, or ``nequip.net:GROUP/MODEL:VERSION``.
        structures: files with frames without labels.
        output: folder of ``moe.toml``, ``pair.nequip.zip``, ``structure.xyz``, ``validation`` and ``training``.
        wishes: see there.
        log: receives lines for the user.

    Raises:
        ConfigError, ModelError, StructureError: something that was given cannot be used.
        MoEError: a package is missing, the folder holds another training, or the training fails.
    """
    wishes = wishes or Wishes()
    _check(wishes)
    folder = output / "training"
    copy = folder / _name_of_copy(model)
    source = read_source(_file_of(model, copy), wishes.key)
    cutoff = max(source.expert.cutoff, wishes.size.cutoff or 0.0)
    frames = read_structures(structures, source.expert.species, cutoff)
    crystal = crystal_of(source, wishes.crystal, frames, list(wishes.species))
    _tell(source, wishes, crystal, len(frames), log)
    cell = crystal_named_by(crystal).unit if crystal is not None and crystal.crystal is not None else None
    _prepare(copy, source, wishes, frames, crystal, cell)
    train(folder, log)
    archive = output / "pair.nequip.zip"
    if not archive.is_file():
        log("packaging both experts")
        built = build_package(folder)
        _compare(source, built, frames[0])
        built.replace(archive)
    if cell is not None:
        ase.io.write(output / _CRYSTAL, cell, format="extxyz")
        crystal = ValidationConfig(crystal=Path(_CRYSTAL))
    config = output / "moe.toml"
    if config.exists():
        log(f"{config} is there and stays as it is")
    else:
        text = moe_toml(
            str(model),
            archive.name,
            digest(archive),
            species=list(wishes.species),
            radius=wishes.radius,
            crystal=crystal,
        )
        config.write_text(text, encoding="utf-8")
        log(f"{config}: the pair and its regions")
    structure = output / "structure.xyz"
    number = first_with_region(RegionsConfig.model_validate(wishes.regions), frames) or 0
    # Without a region the first one.
    ase.io.write(structure, frames[number], format="extxyz")
    if wishes.report != "none":
        passed = run_validate(
            config, Options(structure=structure, output=output / "validation", quick=wishes.report == "quick")
        )
        log("all checks passed" if passed else "some checks failed: the report says which, and by how much")
    log(f"more: moe-ipi validate -c {config} --structure {structure}")


def _is_remote(model: Path) -> bool:
    return str(model).startswith(NEQUIP_NET)


def _name_of_copy(model: Path) -> str:
    """What the training calls its copy of the model; best.ckpt and last.ckpt are what it writes itself."""
    name = f"{str(model).replace('/', '-').replace(':', '-')}.nequip.zip" if _is_remote(model) else model.name
    return f"model-{name}"


def _file_of(model: Path, copy: Path) -> Path:
    """The file of a model; a training that was begun goes on without a network."""
    return copy if _is_remote(model) and copy.exists() else local_file(model)


def _check(wishes: Wishes) -> None:
    if importlib.util.find_spec("pytorch_optimizer") is None:
        raise MoEError("distillation needs pytorch-optimizer; pip install 'moe-ipi[training]'")
    if wishes.report != "none":
        require_jinja()
    for symbol in wishes.species:
        if not is_element(symbol):
            raise ConfigError(f"--species: '{symbol}' is not the symbol of an element; correct it")


def _tell(source: Source, wishes: Wishes, crystal: ValidationConfig | None, frames: int, log: Log) -> None:
    size, expert = wishes.size, source.expert
    log(f"complex expert: {source.path.name}, {source.key} ({' '.join(expert.species)}; {expert.cutoff:g} A), frozen")
    log(
        f"bulk expert: {size.layers} layer(s), l_max {size.degree}, {size.scalars} scalar and {size.tensors} tensor "
        f"features, cutoff {size.cutoff or expert.cutoff:g} A"
    )
    where = f"atoms within {wishes.radius:g} A of {', '.join(wishes.species)} are complex" if wishes.species else ""
    log(f"{frames} structures and copies of them; {where or 'no --species: all atoms are bulk'}")
    if crystal is None:
        log("no crystal: elastic constants and spurious forces at 0 K are not trained (--crystal ELEMENT,LATTICE,A)")
    else:
        log(f"crystal: {crystal_named_by(crystal).name.replace('Å', 'A')}")


def _prepare(
    copy: Path,
    source: Source,
    wishes: Wishes,
    structures: list[Atoms],
    crystal: ValidationConfig | None,
    cell: Atoms | None,
) -> None:
    """Frames, config and model of the training, in the folder of ``copy``; a folder with others is refused."""
    folder = copy.parent
    small = None if cell is None else primitive(cell)
    frames = with_copies(structures, wishes.copies, strain=wishes.strain, rattle=wishes.rattle, seed=wishes.size.seed)
    recipe = recipe_text(
        source,
        copy.name,
        wishes.size,
        frames[0],
        regions=wishes.regions,
        cells=unlabelled_cells(crystal, _CRYSTAL, small),
    )
    texts = {"train.xyz": _extxyz(frames[0]), "val.xyz": _extxyz(frames[1]), "distill.yaml": recipe}
    if small is not None:
        texts[_CRYSTAL] = _extxyz([small])
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in texts.items():
            _keep(folder / name, text)
        _keep_model(source.path, copy)
    except OSError as error:
        raise MoEError(f"cannot write into '{folder}': {error.strerror or error}; choose another -o") from error


def _extxyz(frames: list[Atoms]) -> str:
    text = StringIO()
    ase.io.write(text, frames, format="extxyz")
    return text.getvalue()


def _keep(path: Path, text: str) -> None:
    """Write a file; one that is there must have this content."""
    if not path.exists():
        write_whole(path, text)
    elif path.read_text(encoding="utf-8") != text:
        raise _another(path.parent)


def _keep_model(source: Path, copy: Path) -> None:
    """The training has a copy of the model, which must be the same one when it goes on."""
    if not copy.exists():
        copy_whole(source, copy)
    elif not copy.samefile(source) and digest(copy) != digest(source):
        raise _another(copy.parent)


def _another(folder: Path) -> MoEError:
    return MoEError(
        f"'{folder}' holds a training with another model, other structures or other options; give what it was begun "
        "with, or choose another -o"
    )


def _compare(source: Source, built: Path, atoms: Atoms) -> None:
    """The complex expert must have stayed what it was."""
    expert = expert_from_module(saved_module(built, "complex", "complex")[0], name="complex")
    found = energies_of(expert, atoms)
    largest = float(np.abs(found - source.energies(atoms)).max())
    if not largest < 1e-5:
        raise ModelError(
            f"the complex expert in '{built}' differs from the model by {largest:.2g} eV an atom: the installed NequIP "
            "or Allegro computes other energies with it; install the versions that it was made with"
        )
