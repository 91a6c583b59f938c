"""Rules that find nobody, and regions that leave nobody: allowed, but hardly meant."""

from __future__ import annotations

import numpy as np

from moe_ipi.config import AgreementRule
from moe_ipi.frames import Frames
from moe_ipi.regions.partitioner import Partitioner
from moe_ipi.typing import BoolArray


def assignment_warning(partitioner: Partitioner, frames: Frames, assignment: BoolArray | None = None) -> str | None:
    """A line about rules that match no atom, or about an assignment that makes every atom complex.

    Args:
        partitioner: the rules.
        frames: the structures that they were applied to; rules of type ``agreement`` are not judged.
        assignment: (N,) what came of it; ``None``: what the rules give, which is known only without ``agreement``.

    Returns:
        One line, or ``None`` if there is nothing to say.

    Raises:
        ConfigError, StructureError: see :meth:`Partitioner.assign`.
    """
    regions = partitioner.regions
    if assignment is None and not regions.needs_disagreement:
        assignment = partitioner.assign_frames(frames)
    if assignment is not None and len(assignment) and assignment.all():
        return (
            "every atom is complex, so the bulk expert is never used: narrow the rules or the radius in [regions], if "
            "that is not meant"
        )
    matched = [bool(row.any()) for row in partitioner.seeds_by_rule(frames)]
    idle = [
        f"regions.rules.{number} ({rule.type})"
        for number, rule in enumerate(regions.rules)
        if not (matched[number] or isinstance(rule, AgreementRule))
    ]
    if not idle:
        return None
    nobody = ", and every atom is bulk" if assignment is not None and not np.any(assignment) else ""
    return f"no atom is matched by {', '.join(idle)}{nobody}: correct the rule if that is not meant"
