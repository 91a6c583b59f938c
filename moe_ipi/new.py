"""``moe-ipi new``: a folder in which a run can be started at once."""

from __future__ import annotations

import json
import re
import secrets
import shlex
import tomllib
from io import StringIO
from pathlib import Path

import ase.io
from ase import Atoms

from moe_ipi import examples
from moe_ipi.config import NEQUIP_NET, Config, load_config
from moe_ipi.config.schema import json_schema
from moe_ipi.elements import isotopes
from moe_ipi.errors import ConfigError, MoEError
from moe_ipi.models import find_config
from moe_ipi.structure import read_template

#: The pair of the examples.
_PAIR = "pt-co"
_SCHEMA = "moe.schema.json"


class NewError(MoEError):
    """The folder cannot be written."""


def new_folder(
    kind: str | None, directory: Path | None, config: str | None = None, structure: Path | None = None
) -> list[str]:
    """The work of the command; returns what it prints: without a kind, those that there are.

    Raises:
        NewError, ConfigError, StructureError: see :func:`create`.
    """
    if kind is None:
        kinds = examples.available()
        width = max(map(len, kinds))
        return [*(f"{name:{width}}  {title}" for name, title in kinds.items()), "", "next: moe-ipi new KIND DIR"]
    directory = directory or Path(kind)
    command = create(kind, directory, config, structure)
    return [
        f"wrote {directory}; its README.md says what it is and needs",
        f"next: cd {shlex.quote(str(directory))} && {command}",
    ]


def create(kind: str, directory: Path, config: str | None = None, structure: Path | None = None) -> str:
    """Write the example of a kind into a folder, which is made if need be.

    The ``<address>`` of its i-PI input is one that no other folder has, and the ``moe.toml`` of a run names the shipped
    pair, or the given one.

    Args:
        kind: one of :func:`moe_ipi.examples.available`.
        directory: a new or empty folder.
        config: a ``moe.toml`` or the name of a shipped pair, instead of the pair of the examples.
        structure: any file that :func:`moe_ipi.structure.read_template` reads, instead of the example's.

    Returns:
        The command that comes next, to be typed in the folder.

    Raises:
        NewError: there is no such kind, or it cannot be had with these files, or the folder holds something or cannot
            be written; nothing was overwritten.
        ConfigError, StructureError: a file that was given cannot be used.
    """
    kinds = examples.available()
    if kind not in kinds:
        raise NewError(f"there is no example '{kind}'; give one of {', '.join(kinds)}")
    texts = rendered(kind, config, structure)
    try:
        directory.mkdir(parents=True, exist_ok=True)
        if any(directory.iterdir()):
            raise NewError(f"'{directory}' is not empty, and nothing is overwritten: give the name of a new folder")
        for name, text in texts.items():
            with (directory / name).open("x", encoding="utf-8") as file:
                file.write(text)
    except FileExistsError as error:
        raise NewError(f"'{error.filename}' exists already, and nothing is overwritten: give a new name") from error
    except OSError as error:
        raise NewError(
            f"cannot write '{error.filename or directory}': {error.strerror}; give another folder"
        ) from error
    (command,) = re.findall(r"\A(?:(?!    ).*\n)*    (.*)", texts["README.md"])
    return str(command)


def rendered(kind: str, config: str | None = None, structure: Path | None = None) -> dict[str, str]:
    """The text of every file of the folder, by its name; arguments and errors as for :func:`create`."""
    texts = examples.files(kind)
    unique = secrets.token_hex(3)
    for address in re.findall(r"<address>(.*?)</address>", texts.get("input.xml", "")):
        # As a word: one address may begin as another does.
        texts = {n: re.sub(rf"\b{re.escape(address)}(?![\w-])", f"{address}-{unique}", t) for n, t in texts.items()}
    if "moe.toml" not in texts:
        if "input.xml" not in texts:
            if config is not None or structure is not None:
                raise NewError(
                    f"the folder of '{kind}' is for a pair that does not exist yet: leave out -c and --structure"
                )
            return texts  # no run: its moe.toml is what comes out
        texts["moe.toml"] = pair_config(config or _PAIR)
        texts["README.md"] = texts["README.md"].replace(f"-c {_PAIR}", "-c moe.toml")
    elif config is not None:
        raise NewError(f"the folder of '{kind}' is for a pair that does not exist yet: leave out -c")
    if structure is not None:
        _replace_structure(texts, kind, structure)
    if config is not None or structure is not None:
        title, _, rest = texts["README.md"].partition("\n")
        own = " and ".join(f"`{given}`" for given in (structure, config) if given is not None)
        texts["README.md"] = f"{title}\n\nMade with {own}: what is said below of CO on Pt is the example's.\n{rest}"
    # Editors that know the line complete keys, and mark wrong ones.
    if not texts["moe.toml"].startswith("#:schema "):
        texts["moe.toml"] = f"#:schema {_SCHEMA}\n{texts['moe.toml']}"
    texts[_SCHEMA] = json.dumps(json_schema(), indent=1) + "\n"
    return texts


def _replace_structure(texts: dict[str, str], kind: str, path: Path) -> None:
    if "init.xyz" not in texts or "plumed.dat" in texts:
        why = "its plumed.dat counts atoms" if "plumed.dat" in texts else "it has none"
        raise NewError(f"the folder of '{kind}' cannot be had with another structure ({why}): leave out --structure")
    atoms = read_template(path)
    words = {
        line.split()[0] for line in path.read_text(encoding="utf-8", errors="replace").splitlines() if line.split()
    }
    if heavy := sorted(words & set(isotopes())):
        raise NewError(
            f"'{path}' has isotopes ({', '.join(heavy)}), which ASE does not write: leave out --structure, and put it "
            "into the folder as init.xyz yourself, in i-PI's own xyz"
        )
    text = StringIO()
    plain = Atoms(atoms.get_chemical_symbols(), atoms.positions, cell=atoms.cell, pbc=atoms.pbc)
    ase.io.write(text, plain, format="extxyz")
    texts["init.xyz"] = text.getvalue()
    texts["input.xml"] = texts["input.xml"].replace("<file mode='xyz'> init.xyz", "<file mode='ase'> init.xyz")


def pair_config(name: str) -> str:
    """A ``moe.toml`` such that it can be anywhere: its files are named by absolute paths.

    Args:
        name: the file, or the name of a shipped pair.

    Raises:
        ConfigError: it cannot be used.
    """
    path = find_config(name)
    config, text = load_config(path), path.read_text(encoding="utf-8")

    def absolute(found: re.Match[str]) -> str:
        if found[3].startswith(NEQUIP_NET):
            return found[0]
        return f"{found[1]}{json.dumps(str(path.resolve().parent / Path(found[3]).expanduser()), ensure_ascii=False)}"

    text = re.sub(r"""\b((?:path|labels|crystal|template)\s*=\s*)(["'])(.*?)\2""", absolute, text)
    try:
        same = Config.model_validate(tomllib.loads(text)) == config
    except ValueError:
        same = False
    if not same:
        raise ConfigError(f"'{path}' names files in a way that cannot be copied: write absolute paths in double quotes")
    return text.replace("beside this file", f"in {path.parent}")
