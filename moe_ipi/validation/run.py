"""Running the checks: one that breaks does not take the others with it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator

from moe_ipi.errors import ConfigError, interruption
from moe_ipi.validation.checks import CHECKS
from moe_ipi.validation.result import Check
from moe_ipi.validation.subject import Subject

#: What another pair is compared in: how well its experts agree.
COMPARED = ("eos", "elastic", "interface")


def chosen_checks(only: str | None, skip: str | None) -> list[str]:
    """Keys of the checks that ``--only`` and ``--skip`` (separated by commas) leave.

    Raises:
        ConfigError: there is no such check, or none is left.
    """
    named = {option: [k.strip() for k in text.split(",")] for option, text in (("only", only), ("skip", skip)) if text}
    for option, keys in named.items():
        unknown = [key for key in keys if key not in CHECKS]
        if unknown:
            raise ConfigError(f"--{option}: there is no check '{unknown[0]}'; the checks are {', '.join(CHECKS)}")
    chosen = [k for k in CHECKS if k in named.get("only", CHECKS) and k not in named.get("skip", ())]
    if not chosen:
        raise ConfigError("--only and --skip leave no check to make")
    return chosen


def run_checks(
    subject: Subject, keys: Iterable[str], done: Callable[[Check], None] = lambda check: None
) -> Iterator[Check]:
    """Make checks one after the other, as an iterator over their results.

    Args:
        keys: of :data:`CHECKS`.
        done: called with each result as soon as it is there.
    """
    for key in keys:
        start = time.perf_counter()
        try:
            result = CHECKS[key](subject)
        except Exception as error:
            if (stop := interruption(error)) is not None:
                raise stop from None
            text = " ".join(str(error).split()) or "no message"
            result = Check(key, key.capitalize(), "", error=f"{type(error).__name__}: {text}")
        result.seconds = time.perf_counter() - start
        done(result)
        yield result
