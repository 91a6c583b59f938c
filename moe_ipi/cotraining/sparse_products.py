"""A callback for ``nequip-train``: Allegro's tensor products without their zeros."""

from __future__ import annotations

from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback

from moe_ipi.experts.nequip.products import with_sparse_products


class SparseProducts(Callback):
    """Trains Allegro models by :func:`~moe_ipi.experts.nequip.products.with_sparse_products`.

    The same training to rounding, and checkpoints of the models as they are.  For models that are compiled
    (``compile_mode: compile``, ``compile: true``), on CPUs: steps take less time, compiling once more.
    """

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Called by Lightning before optimizers are made."""
        with_sparse_products(pl_module.model, trainable=True)  # type: ignore[arg-type]
