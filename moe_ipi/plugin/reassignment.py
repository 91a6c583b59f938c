"""By rules, or drawn from the conditional distribution: which of the two a run has."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ipi.engine.forcefields import FFSocket
from ipi.engine.simulation import Simulation

from moe_ipi.config import Config
from moe_ipi.errors import ConfigError
from moe_ipi.plugin.by_gibbs import ByGibbs, check_run
from moe_ipi.plugin.by_rules import ByRules
from moe_ipi.plugin.continuity import Stored
from moe_ipi.regions.smooth import check_smooth

#: A; with a narrower edge the bias is stiff: only on purpose.
_WIDTH = 0.5


def reassigner(
    simulation: Simulation,
    config: Config,
    fields: Sequence[FFSocket],
    steps: int,
    stored: Stored,
    note: Callable[[str], None],
) -> ByGibbs | ByRules:
    """What makes the assignments of a run.

    ``reassignment = "auto"`` goes on with what a checkpoint was made with; a new run draws its assignments if its
    regions have smooth weights and it has a temperature.

    Args:
        simulation: not bound yet.
        config: regions and segments.
        fields: the force fields with drivers.
        steps: length of a segment; 0: the assignment is fixed.
        stored: what the checkpoint holds.
        note: shows a line to the user.

    Raises:
        ConfigError: regions or run do not allow what the config asks for.
    """
    wanted = config.segments.reassignment
    drawn = steps > 0 and (wanted == "gibbs" or (wanted == "auto" and _suits(simulation, config, stored)))
    if not drawn:
        return ByRules(simulation, config, fields, note)
    if wanted == "auto" and stored.token is None:
        note('assignments will be drawn: the whole run is one ensemble (reassignment = "gibbs", see docs/ensemble.md)')
    return ByGibbs(simulation, config, fields)


def _suits(simulation: Simulation, config: Config, stored: Stored) -> bool:
    if stored.token is not None:
        return stored.memory is not None and stored.memory.tracker.get("reassignment") == "gibbs"
    try:
        check_smooth(config.regions)
        check_run(simulation)
    except ConfigError:
        return False
    return config.regions.outer - config.regions.inner >= _WIDTH
