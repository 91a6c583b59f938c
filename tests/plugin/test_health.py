"""Numbers that are none end the run."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from moe_ipi.plugin import engine
from moe_ipi.plugin.health import UnstableError, check_finite


def simulation(q: float = 0.0, p: float = 0.0, h: float = 5.0, econs: float = -1.0) -> SimpleNamespace:
    """Two systems, of which the second one is as the arguments say."""

    def system(q: float, p: float, h: float, econs: float) -> SimpleNamespace:
        beads = SimpleNamespace(q=np.full((2, 6), q), p=np.full((2, 6), p))
        forces = SimpleNamespace(mforces=[])
        ensemble = SimpleNamespace(econs=econs, bias=forces)
        return SimpleNamespace(beads=beads, cell=SimpleNamespace(h=h * np.eye(3)), ensemble=ensemble, forces=forces)

    return SimpleNamespace(syslist=[system(0.0, 0.0, 5.0, -1.0), system(q, p, h, econs)])


def test_finite_numbers_pass() -> None:
    check_finite(simulation(), 3)


@pytest.mark.parametrize(
    ("wrong", "what"),
    [
        ({"q": np.nan}, "positions of system 1 are not finite in step 7; the last good step is 6"),
        ({"p": np.inf}, "momenta of system 1 are not finite"),
        ({"h": np.nan}, "cell of system 1 is not finite"),
        ({"econs": np.nan}, "the conserved quantity of system 1 is not finite"),
    ],
)
def test_each_kind(wrong: dict[str, float], what: str) -> None:
    with pytest.raises(UnstableError, match=f"^{what}"):
        check_finite(simulation(**wrong), 7)


def test_energies_that_would_cost_an_evaluation_are_not_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "forces_are_known", lambda simulation: False)
    check_finite(simulation(econs=np.nan), 7)
