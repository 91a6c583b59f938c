"""The report: one HTML file that needs no network, and the same numbers as JSON."""

from __future__ import annotations

import base64
import json
import math
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from moe_ipi.config import ModelExpert
from moe_ipi.errors import MoEError
from moe_ipi.experts.nequip.archive import digest
from moe_ipi.experts.nequip.download import local_file
from moe_ipi.files import write_whole
from moe_ipi.picture import BULK_COLOR, COMPLEX_COLOR, draw_assignment
from moe_ipi.typing import BoolArray
from moe_ipi.validation.about import Origins, about
from moe_ipi.validation.checks import CHECKS
from moe_ipi.validation.plots import svg
from moe_ipi.validation.result import Cell, Check
from moe_ipi.validation.subject import Subject
from moe_ipi.validation.verdict import QUICK, verdict
from moe_ipi.view import view_or_reason

#: Small letters in a line of a telephone, 390 pixels wide.
_ROOM = 46


@dataclass(frozen=True)
class OtherPair:
    """Another pair and its checks, to be shown beside those of the pair that is validated."""

    label: str
    checks: list[Check]


def collect(
    name: str,
    subject: Subject,
    checks: list[Check],
    others: list[OtherPair],
    origins: Origins,
    *,
    interrupted: bool = False,
) -> dict[str, Any]:
    """All numbers of a validation as plain data for JSON; numbers that are not finite become None.

    Args:
        name: of the pair.
        subject: what was validated.
        checks: what was found.
        others: pairs that are shown beside it.
        origins: command and files, for the reader.
        interrupted: checks are missing that should have been made.
    """
    experts = []
    for key in ("complex", "bulk"):
        config = getattr(subject.config.experts, key)
        expert = getattr(subject.potential, key)
        is_file = isinstance(config, ModelExpert)
        experts.append(
            {
                "name": key,
                "model": f"{config.path.name}{f', {config.key}' if config.key else ''}" if is_file else "analytic",
                "sha256": digest(local_file(config.path))[:16] if is_file else None,
                "cutoff": expert.cutoff,
                "offsets": config.offsets if is_file else {},
            }
        )
    made = {check.key for check in checks}
    mask = subject.assignment(subject.structure)
    outcome = verdict(checks, [key for key in CHECKS if key not in made], interrupted=interrupted)
    data = {
        "moe_ipi": version("moe-ipi"),
        "about": about(subject, origins),
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "quick": subject.quick,
        "pair": {
            "name": name,
            "experts": experts,
            "atoms": len(subject.structure),
            "complex": int(np.count_nonzero(mask)),
            "labels": len(subject.labels),
        },
        "passed": outcome["passed"],
        "verdict": outcome,
        "checks": [check.as_dict() for check in checks],
        "compare": [{"label": o.label, "checks": [c.as_dict() for c in o.checks]} for o in others],
    }
    data["comparison"] = _comparison(data)
    plain: dict[str, Any] = _finite(data)
    return plain


def _comparison(data: dict[str, Any]) -> list[dict[str, Any]]:
    """Rows: each quantity that another pair has too, with the ratio of the absolute values."""

    def values(checks: list[dict[str, Any]]) -> dict[tuple[str, str], dict[str, Any]]:
        return {(c["key"], q["name"]): q for c in checks for q in c["quantities"]}

    others = [values(o["checks"]) for o in data["compare"]]
    rows = []
    for key, mine in values(data["checks"]).items():
        if any(key in other for other in others):
            cells = []
            for other in others:
                value = other[key]["value"] if key in other else None
                usable = value is not None and mine["value"] != 0
                cells.append({"value": value, "ratio": abs(value / mine["value"]) if usable else None})
            rows.append({"name": mine["name"], "unit": mine["unit"], "value": mine["value"], "others": cells})
    return rows


def write_report(directory: Path, data: dict[str, Any], checks: list[Check], subject: Subject) -> tuple[Path, Path]:
    """Write ``report.html`` and ``report.json``; earlier ones are replaced when the new ones are complete.

    Raises:
        MoEError: jinja2 is not installed, or the folder cannot be written.
    """
    html = _html(data, checks, subject)
    text = json.dumps(data, indent=1, ensure_ascii=False) + "\n"
    paths = directory / "report.html", directory / "report.json"
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for path, content in zip(paths, (html, text), strict=True):
            write_whole(path, content)
    except OSError as error:
        raise MoEError(f"cannot write the report into '{directory}': {error.strerror}; choose another -o") from error
    return paths


def require_jinja() -> None:
    """Fail before hours of measuring, not after.

    Raises:
        MoEError: jinja2 is not installed.
    """
    try:
        import jinja2  # noqa: F401
    except ImportError as error:
        raise MoEError("the report needs jinja2; pip install 'moe-ipi[validation]'") from error


def _html(data: dict[str, Any], checks: list[Check], subject: Subject) -> str:
    require_jinja()
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    environment.filters |= {"short": short, "cell": _cell}
    environment.tests["narrow"] = _is_narrow
    mask = subject.assignment(subject.structure)
    title = f"{data['pair']['name']}: the structure, by expert"
    page, reason = view_or_reason(subject.structure, mask, title=title)
    environment.globals |= {
        "picture": _picture(subject, mask),
        "view": page,
        "no_view": reason,
        "why_quick": QUICK,
        "colors": {"complex": COMPLEX_COLOR, "bulk": BULK_COLOR},
    }
    shown = [
        plain | {"drawings": [{"title": p.title, "text": svg(p)} for p in check.plots]}
        for plain, check in zip(data["checks"], checks, strict=True)
    ]
    return environment.get_template("report.html.j2").render(data | {"checks": shown})


def short(value: float | None) -> str:
    """A number with four significant digits; None (not finite) as a dash."""
    return "–" if value is None else f"{value:.4g}"


def _cell(value: Cell) -> str:
    """What stands in a table, whose numbers were rounded by the check that made them."""
    if value is None or isinstance(value, str):
        return value or ""
    return f"{value:.7g}"


def _is_narrow(table: dict[str, Any]) -> bool:
    """Whether a table stays one on a telephone: there is room for the longest word of each column."""
    longest = [0] * len(table["columns"])
    for row in (table["columns"], *table["rows"]):
        words = [[0, *map(len, _cell(value).split())] for value in row]
        longest = [max(size, *lengths) for size, lengths in zip(longest, words, strict=True)]
    return sum(longest) + len(longest) <= _ROOM


def _picture(subject: Subject, mask: BoolArray) -> str:
    """The structure coloured by expert, PNG in base64."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "structure.png"
        draw_assignment(subject.structure, mask, path)
        return base64.b64encode(path.read_bytes()).decode()


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _finite(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(v) for v in value]
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    return value.item() if hasattr(value, "item") else value
