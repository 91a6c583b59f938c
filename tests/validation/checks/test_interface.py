"""Forces where two experts meet."""

import pytest

from moe_ipi.validation.checks import interface
from tests.helpers.subjects import numbers, subject


def test_spurious_forces_are_at_the_interface():
    check = interface.check(subject())
    profile = {c.label: dict(zip(c.x, c.y, strict=True)) for c in check.plots[0].curves}
    cutoff = 5.0
    for label in ("plane", "ball"):
        near = max(f for d, f in profile[label].items() if d < cutoff)
        assert near > 5
    far = [f for d, f in profile["ball"].items() if d > cutoff + 1]
    assert far and max(far) < 1e-6
    assert numbers(check)["largest spurious force at 0 K"] == pytest.approx(
        max(max(p.values()) for p in profile.values()), abs=1e-3
    )
