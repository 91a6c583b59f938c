"""A callback for ``nequip-train``: an interrupted training goes on with the frames in the order they would have had."""

from __future__ import annotations

from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback


class FrameOrder(Callback):
    """Hands the state of the frames' random generator, which a checkpoint holds, to the generator in use.

    Lightning restores a data module after it was set up, when NequIP's has made its generator already.
    """

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Called by Lightning after a checkpoint's data module was restored; without one nothing changes."""
        data = trainer.datamodule  # type: ignore[attr-defined]
        data.train_generator.set_state(data.train_generator_state)
