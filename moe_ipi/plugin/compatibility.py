"""Does a config fit an i-PI input?"""

from __future__ import annotations

from moe_ipi.config import Config
from moe_ipi.errors import ConfigError
from moe_ipi.plugin.ipi_input import IPIInput
from moe_ipi.plugin.schedule import segment_steps


def check_compatible(run: IPIInput, config: Config) -> list[str]:
    """What of a config cannot be done with an input.

    Args:
        run: the input.
        config: the content of a ``moe.toml``.

    Returns:
        Lines for the user.

    Raises:
        ConfigError: the checkpoints do not fit the segments, or requests besides the dynamics would lock a driver.
    """
    steps, note = segment_steps(config.segments, run.checkpoint_strides, run.dynamics)
    asks = [
        what
        for what, does in (
            ("a rule of type 'agreement'", config.regions.needs_disagreement),
            ("segments.monitor", steps > 0 and config.segments.monitor > 0),
        )
        if does
    ]
    if run.locked and asks:
        raise ConfigError(
            f"{' and '.join(asks)} cannot be used with matching='lock' of the <ffsocket> '{run.locked[0]}' in "
            f"'{run.path.name}': i-PI would lock a driver for a structure besides the dynamics, and wait for ever; "
            "write matching='auto'"
        )
    notes = [note, *run.notes]
    if config.harvest is not None and not steps:
        notes.append("nothing is harvested: nobody asks the experts where the assignment is fixed")
    if run.turned and config.regions.oriented_axes:
        notes.append(
            f"i-PI turns the cell of '{run.turned[0]}' so that a is along x and b in the xy plane: slab and box rules "
            "are measured in that orientation, not in that of the file"
        )
    return [line for line in notes if line]
