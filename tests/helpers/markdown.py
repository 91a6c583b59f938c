"""Blocks of code in Markdown: found, and done."""

from __future__ import annotations

import doctest
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt

#: Numbers are those of the machine: speeds, and what rounding makes of a trajectory.
_NUMBER = re.compile(r"(?<![\w.])[-+]?\d[\d.:]*(e[-+]\d+)?")


@dataclass(frozen=True)
class Block:
    """A block between fences, or an indented one (without a language).

    Attributes:
        language: as it stands behind the fence.
        caption: of a ``{code-block}``: the name of the file that it shows.
        text: what is in it.
        line: of the file, counted from 1, where it begins.
    """

    language: str
    caption: str
    text: str
    line: int


def blocks(path: Path) -> list[Block]:
    """All blocks of code of a file, in their order."""
    found = []
    for token in MarkdownIt().parse(path.read_text(encoding="utf-8")):
        if token.type not in ("fence", "code_block"):
            continue
        language, _, argument = token.info.strip().partition(" ")
        text, caption = token.content, ""
        if language == "{code-block}":
            options = re.match(r"(?::\w+:[^\n]*\n)*\n?", text)
            assert options is not None
            language, text = argument, text[options.end() :]
            caption = next(iter(re.findall(r"^:caption: (.+)$", options[0], re.MULTILINE)), "")
        assert token.map is not None
        found.append(Block(language, caption, text, token.map[0] + 1))
    return found


def follow(page: Path, folder: Path, timeout: float = 900) -> None:
    """Do what a page says, in an empty folder.

    Blocks with a caption are files; ``bash`` and ``python`` are run, each for at most ``timeout`` seconds; ``text`` is
    what the one before it prints.
    """
    # "python" and "moe-ipi" are those of this environment.
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    printed = ""
    for block in blocks(page):
        where = f"{page.name}, line {block.line}"
        if block.caption:
            (folder / block.caption).write_text(block.text, encoding="utf-8")
        elif block.language in ("bash", "python"):
            command = [sys.executable, "-"] if block.language == "python" else ["bash", "-eu", "-o", "pipefail"]
            done = subprocess.run(
                command,
                input=block.text,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                cwd=folder,
                env=environment,
                timeout=timeout,
            )
            assert done.returncode == 0, f"{where}:\n{done.stdout}"
            printed = done.stdout
        elif block.language == "text":
            assert same(block.text, printed), f"{where}: it is not what the block above prints:\n{printed}"


def same(wanted: str, printed: str) -> bool:
    """Whether texts agree but for numbers, amounts of blanks, and lines that ``...`` stands for."""
    options = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    return doctest.OutputChecker().check_output(*(_NUMBER.sub("#", text) for text in (wanted, printed)), options)
