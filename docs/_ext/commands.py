"""The command line reference, as typer's own ``typer utils docs`` makes it from the commands."""

from __future__ import annotations

import html
import re
import subprocess
import sys


def reference() -> str:
    """Markdown: what all commands have, and a section for each."""
    made = subprocess.run(
        [sys.executable, "-m", "typer", "moe_ipi.cli", "utils", "docs", "--name", "moe-ipi"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    # The page has a title, and lists of commands cut their texts; HTML's entities stand in code, too.
    made = re.sub(r"\*\*Commands\*\*:\n\n(\* .*\n)+\n", "", made.partition("\n")[2])
    return re.sub(r"`[^`\n]*`", lambda code: html.unescape(code[0]), made)
