"""What ``nequip-train`` does besides training: saying how far it is."""

from __future__ import annotations

import time

from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback

#: A line that the user is to see begins so.
MARK = "distill: "
#: Terms of the loss, what to call their RMS, and its unit.
_SHOWN = (
    ("agreement_energy", "energy", "meV/atom"),
    ("agreement_forces", "forces", "meV/A"),
    ("agreement_seam", "seam", "meV/A"),
    ("crystal_seam", "seam in crystals", "meV/A"),
)


class Report(Callback):
    """A line after every validation: step, time that is left, and how far the bulk expert is from the complex one."""

    def __init__(self) -> None:
        self._began, self._first = 0.0, 0

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Called by Lightning."""
        self._began, self._first = time.monotonic(), trainer.global_step

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Called by Lightning, also before the first step."""
        if trainer.sanity_checking or trainer.max_epochs is None:
            return
        step, last = trainer.global_step, trainer.max_epochs * int(trainer.num_training_batches)
        left = (time.monotonic() - self._began) * (last - step) / max(step - self._first, 1)
        values = {term: float(trainer.callback_metrics.get(f"val0_epoch/{term}_rmse", 0.0)) for term, _, _ in _SHOWN}
        # A term that no frame has is 0.
        parts = [f"{name} {1000 * values[term]:.1f} {unit}" for term, name, unit in _SHOWN if values[term]]
        print(f"{MARK}step {step} of {last}, {_duration(left)} left; bulk - complex: {', '.join(parts)}", flush=True)


def _duration(seconds: float) -> str:
    return (
        f"{seconds:.0f} s"
        if seconds < 100
        else f"{seconds / 60:.0f} min"
        if seconds < 6000
        else f"{seconds / 3600:.1f} h"
    )
