"""What a driver tells of itself."""

from __future__ import annotations

import sys
from collections.abc import Callable

#: Takes one line of text, without its end.
Log = Callable[[str], None]


def log_to_stderr(line: str) -> None:
    """Print one line at once, so that it reaches a log file even if the process is killed."""
    print(f"moe-ipi driver: {line}", file=sys.stderr, flush=True)
