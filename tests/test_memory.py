"""Memory that is freed is kept, and so not filled with zeros again."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from moe_ipi.memory import environment_that_keeps

_FAULTS = """
import resource
import numpy as np
from moe_ipi.memory import keep_freed_memory
print({call})
for turn in range(20):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    np.ones(8_000_000)  # 64 MB, 15,625 pages
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(call: str, environment: dict[str, str] | None = None) -> tuple[str, int]:
    """What the call returned, and the page faults of the last of many equal allocations."""
    variables = {name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")}
    command = [sys.executable, "-c", _FAULTS.format(call=call)]
    done = subprocess.run(
        command, env=variables | (environment or {}), capture_output=True, text=True, check=True, timeout=60
    )
    told, number = done.stdout.split()
    return told, int(number)


@pytest.mark.skipif(sys.platform != "linux", reason="glibc")
def test_freed_memory_is_used_again():
    assert faults("None")[1] > 100  # huge pages are larger, and fewer
    told, number = faults("keep_freed_memory()")
    assert told == "True" and number < 10
    assert faults("None", environment_that_keeps({}))[1] < 10


@pytest.mark.skipif(sys.platform != "linux", reason="glibc")
def test_what_the_user_says_stays():
    assert faults("keep_freed_memory()", {"MALLOC_TRIM_THRESHOLD_": "100000"})[0] == "False"
    said = {"MALLOC_MMAP_THRESHOLD_": "100000", "A": "b"}
    assert environment_that_keeps(said) == said
