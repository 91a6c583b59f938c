"""What the recipes' trainers keep, tried with Lightning's smallest module."""

from pathlib import Path

import pytest
import torch
from hydra.utils import instantiate
from lightning import Trainer
from lightning.pytorch.demos.boring_classes import BoringModel
from omegaconf import OmegaConf

ROOT = Path(__file__).parents[2]
RECIPES = {
    "shipped": ROOT / "training/pt_co/common.yaml",
    "your_pair": ROOT / "training/your_pair.yaml",
    "distill": ROOT / "moe_ipi/distill/recipe.yaml",
}


class Worsens(BoringModel):
    """Best after its first epoch."""

    def validation_step(self, batch, batch_idx):
        self.log("val0_epoch/weighted_sum", torch.tensor(float(self.trainer.current_epoch)))


# Lightning's own.
@pytest.mark.filterwarnings("ignore:`isinstance.treespec:FutureWarning")
@pytest.mark.filterwarnings("ignore:Checkpoint directory")
@pytest.mark.parametrize("name", RECIPES)
def test_the_last_checkpoint_is_that_of_the_last_epoch(name, tmp_path, monkeypatch):
    """Also when an earlier epoch was better: an interrupted training loses no epoch."""
    recipe = OmegaConf.create(RECIPES[name].read_text().replace("${hydra:runtime.output_dir}", str(tmp_path)))
    monkeypatch.chdir(tmp_path)
    keepers = [entry for entry in recipe.trainer.callbacks if entry["_target_"].endswith("ModelCheckpoint")]

    def train(epochs, checkpoint=None):
        Trainer(
            accelerator="cpu",
            max_epochs=epochs,
            limit_train_batches=2,
            limit_val_batches=1,
            logger=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            callbacks=[instantiate(entry) for entry in keepers],
        ).fit(Worsens(), ckpt_path=checkpoint)
        return {
            path.name: torch.load(path, weights_only=False)["global_step"] for path in sorted(tmp_path.glob("*.ckpt"))
        }

    assert train(3) == {"best.ckpt": 2, "last.ckpt": 6}
    assert train(4, tmp_path / "last.ckpt") == {"best.ckpt": 2, "last.ckpt": 8}
