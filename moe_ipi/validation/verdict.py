"""The verdict: what passed, what failed and what helps, and what was not judged."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from moe_ipi.validation.result import Check

#: Why numbers of a quick run are not judged, and what to do.
QUICK = "small cells and short runs say nothing about them; run without --quick"


def verdict(checks: Sequence[Check], left_out: Iterable[str] = (), *, interrupted: bool = False) -> dict[str, Any]:
    """The outcome of all checks as plain data.

    Args:
        checks: those that were made.
        left_out: keys of the others.
        interrupted: the validation was stopped; then it has not passed.

    Returns:
        ``passed``: no check failed; ``interrupted``; ``headline``: one sentence; ``failed``, ``not_judged`` and
        ``passed_quantities``: an entry for each quantity with a tolerance (``check``, its key, ``title``, ``name``,
        ``value``, ``unit``, ``tolerance``, ``minimum``, ``remedy``); ``broken`` and ``not_made``: checks (``check``,
        ``title``, ``reason``); ``left_out``: keys; ``remedies``: what helps, and the ``failed`` that each is for.
    """
    groups: dict[str, list[dict[str, Any]]] = {"FAIL": [], "pass": [], "not judged": [], "info": []}
    for check in checks:
        for q in check.quantities:
            what = {"check": check.key, "title": check.title, "name": q.name, "value": q.value, "unit": q.unit}
            groups[q.verdict].append(what | {"tolerance": q.tolerance, "minimum": q.minimum, "remedy": q.remedy})
    broken = [{"check": c.key, "title": c.title, "reason": c.error} for c in checks if c.error is not None]
    not_made = [{"check": c.key, "title": c.title, "reason": c.skipped} for c in checks if c.skipped is not None]
    remedies: dict[str, list[dict[str, Any]]] = {}  # one may help in several cases
    for entry in groups["FAIL"]:
        remedies.setdefault(entry["remedy"], []).append(entry)
    failed, judged = len(groups["FAIL"]), len(groups["FAIL"]) + len(groups["pass"])
    if failed:
        headline = f"{failed} of {judged} judged quantities {'is' if failed == 1 else 'are'} outside tolerance"
    elif judged:
        headline = f"all {judged} judged quantities are within their tolerances"
    else:
        headline = "nothing was judged"
    if broken:
        headline += f"; {len(broken)} check{'s' if len(broken) > 1 else ''} broke off"
    if interrupted:
        headline = f"interrupted before it was complete: so far {headline}"
    return {
        "passed": not interrupted and all(check.passed is not False for check in checks),
        "interrupted": interrupted,
        "headline": headline,
        "failed": groups["FAIL"],
        "remedies": [{"remedy": remedy, "failed": entries} for remedy, entries in remedies.items()],
        "passed_quantities": groups["pass"],
        "not_judged": groups["not judged"],
        "broken": broken,
        "not_made": not_made,
        "left_out": list(left_out),
    }
