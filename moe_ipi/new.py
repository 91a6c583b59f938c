"""``moe-ipi new``: a folder in which a run can be started at once."""

from __future__ import annotations

import json
import re
import secrets
import shlex
from pathlib import Path

from moe_ipi import examples
from moe_ipi.config.schema import json_schema
from moe_ipi.errors import MoEError
from moe_ipi.models import pretrained

#: The pair of the examples.
_PAIR = "pt-co"
_SCHEMA = "moe.schema.json"


class NewError(MoEError):
    """The folder cannot be written."""


def new_folder(kind: str | None, directory: Path | None) -> list[str]:
    """The work of the command; returns what it prints: without a kind, those that there are.

    Raises:
        NewError: see :func:`create`.
    """
    if kind is None:
        kinds = examples.available()
        width = max(map(len, kinds))
        return [*(f"{name:{width}}  {title}" for name, title in kinds.items()), "", "next: moe-ipi new KIND DIR"]
    directory = directory or Path(kind)
    command = create(kind, directory)
    return [
        f"wrote {directory}; its README.md says what it is and needs",
        f"next: cd {shlex.quote(str(directory))} && {command}",
    ]


def create(kind: str, directory: Path) -> str:
    """Write the example of a kind into a folder, which is made if need be.

    The ``<address>`` of its i-PI input is one that no other folder has, and the ``moe.toml`` of a run names the shipped
    pair.

    Args:
        kind: one of :func:`moe_ipi.examples.available`.
        directory: a new or empty folder.

    Returns:
        The command that comes next, to be typed in the folder.

    Raises:
        NewError: there is no such kind, or the folder holds something or cannot be written; nothing was overwritten.
    """
    kinds = examples.available()
    if kind not in kinds:
        raise NewError(f"there is no example '{kind}'; give one of {', '.join(kinds)}")
    texts = rendered(kind)
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


def rendered(kind: str) -> dict[str, str]:
    """The text of every file of the folder, by its name."""
    texts = examples.files(kind)
    unique = secrets.token_hex(3)
    for address in re.findall(r"<address>(.*?)</address>", texts.get("input.xml", "")):
        # As a word: one address may begin as another does.
        texts = {n: re.sub(rf"\b{re.escape(address)}(?![\w-])", f"{address}-{unique}", t) for n, t in texts.items()}
    if "moe.toml" not in texts:
        if "input.xml" not in texts:
            return texts  # no run: its moe.toml is what comes out
        texts["moe.toml"] = pair_config(_PAIR)
        texts["README.md"] = texts["README.md"].replace(f"-c {_PAIR}", "-c moe.toml")
    # Editors that know the line complete keys, and mark wrong ones.
    texts["moe.toml"] = f"#:schema {_SCHEMA}\n{texts['moe.toml']}"
    texts[_SCHEMA] = json.dumps(json_schema(), indent=1) + "\n"
    return texts


def pair_config(name: str) -> str:
    """The ``moe.toml`` of a shipped pair such that it can be anywhere: its files are named by absolute paths."""
    path = pretrained(name)

    def absolute(found: re.Match[str]) -> str:
        return f"{found[1]} = {json.dumps(str(path.parent / found[2]), ensure_ascii=False)}"

    text = re.sub(r'^(path|labels) = "(.*)"$', absolute, path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return text.replace("beside this file", f"in {path.parent}")
