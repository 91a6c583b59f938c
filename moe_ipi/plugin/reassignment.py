"""By rules, or drawn from the conditional distribution: which of the two a run has."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ipi.engine.forcefields import FFSocket
from ipi.engine.simulation import Simulation

from moe_ipi.config import Config
from moe_ipi.errors import ConfigError
from moe_ipi.plugin.by_gibbs import STATE, ByGibbs, check_run
from moe_ipi.plugin.by_rules import ByRules
from moe_ipi.plugin.continuity import ChangedError, Stored
from moe_ipi.regions.smooth import suits_drawing

#: What a user is told whose run was, or was not, started with drawn assignments, and now would go on otherwise.
_OTHERWISE = {
    True: 'this run was started with reassignment = "gibbs", and its checkpoint has the bias of the assignment: '
    "continue it with that and with segments, or with plain i-pi (assignment and bias stay), or start anew from its "
    "last positions",
    False: 'this run was started with reassignment = "rules", whose ensemble is another one: continue it with that, or '
    "start anew from its last positions",
}


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
        ChangedError: the checkpoint was made with the other kind.
    """
    wanted = config.segments.reassignment
    was_drawn = None if stored.memory is None else dict(stored.memory.tracker) == STATE
    if wanted == "auto":
        wanted_drawn = _suits(simulation, config) if stored.token is None else was_drawn is True
    else:
        wanted_drawn = wanted == "gibbs"
    drawn = steps > 0 and wanted_drawn
    if was_drawn is not None and was_drawn != drawn:
        raise ChangedError(_OTHERWISE[was_drawn])
    if not drawn:
        return ByRules(simulation, config, fields, note)
    if wanted == "auto" and stored.token is None:
        note('assignments will be drawn: the whole run is one ensemble (reassignment = "gibbs", see docs/ensemble.md)')
    return ByGibbs(simulation, config, fields)


def _suits(simulation: Simulation, config: Config) -> bool:
    try:
        check_run(simulation)
    except ConfigError:
        return False
    return suits_drawing(config.regions)
