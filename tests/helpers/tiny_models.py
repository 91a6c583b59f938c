"""Small real models with random weights, built by the real packages."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import torch
from allegro.model import AllegroModel
from ase.calculators.emt import EMT
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import write
from nequip.model import NequIPGNNModel
from nequip.utils.global_state import set_global_state

from tests.helpers.structures import co_on_pt

TYPE_NAMES = ("Pt", "C", "O")
BESSEL = {"_target_": "allegro.nn.TwoBodyBesselScalarEmbed", "num_bessels": 4}
SPLINES = {"_target_": "allegro.nn.TwoBodySplineScalarEmbed", "num_splines": 5, "spline_span": 3}
SHIFTS = {"Pt": -1.0, "C": -2.0, "O": -3.0}


def allegro(
    seed: int,
    *,
    cutoff: float = 4.0,
    dtype: str = "float64",
    type_names=TYPE_NAMES,
    l_max: int = 1,
    radial=None,
    layers: int = 2,
    **extra,
):
    """An Allegro GraphModel with random weights (two layers: deep enough to have an interior)."""
    set_global_state()
    return AllegroModel(
        seed=seed,
        model_dtype=dtype,
        r_max=cutoff,
        type_names=list(type_names),
        l_max=l_max,
        parity=True,
        radial_chemical_embed=BESSEL if radial is None else radial,
        radial_chemical_embed_dim=8,
        scalar_embed_mlp_hidden_layers_width=8,
        num_layers=layers,
        num_scalar_features=8,
        num_tensor_features=4,
        allegro_mlp_hidden_layers_width=8,
        readout_mlp_hidden_layers_width=8,
        avg_num_neighbors=10.0,
        per_type_energy_scales=1.0,
        per_type_energy_shifts={t: SHIFTS.get(t, -4.0) for t in type_names},
        **extra,
    )


def message_passing(cutoff: float = 4.0):
    """A NequIP graph neural network with two convolutions: not strictly local."""
    set_global_state()
    return NequIPGNNModel(
        seed=1,
        model_dtype="float64",
        r_max=cutoff,
        type_names=list(TYPE_NAMES),
        num_layers=2,
        l_max=1,
        parity=False,
        num_features=4,
        radial_mlp_depth=1,
        radial_mlp_width=8,
        avg_num_neighbors=10.0,
        per_type_energy_scales=1.0,
        per_type_energy_shifts=SHIFTS,
    )


def two_models(seed: int):
    """A ModuleDict, as a training of several models leaves it in its checkpoint."""
    return torch.nn.ModuleDict({"sole_model": allegro(seed), "bulk": allegro(seed + 1, cutoff=3.5, radial=SPLINES)})


_TRAINING = """
run: [train]
data:
  _target_: nequip.data.datamodule.ASEDataModule
  seed: 1
  train_file_path: {folder}/frames.xyz
  val_file_path: {folder}/frames.xyz
  transforms:
    - _target_: nequip.data.transforms.ChemicalSpeciesToAtomTypeMapper
      model_type_names: [Pt, C, O]
    - _target_: nequip.data.transforms.NeighborListTransform
      r_max: 4.0
  train_dataloader: {{_target_: torch.utils.data.DataLoader, batch_size: 1}}
  val_dataloader: {{_target_: torch.utils.data.DataLoader, batch_size: 1}}
trainer:
  _target_: lightning.Trainer
  accelerator: cpu
  max_epochs: 1
  logger: false
  enable_progress_bar: false
  callbacks:
    - {{_target_: lightning.pytorch.callbacks.ModelCheckpoint, dirpath: {folder}, filename: trained}}
training_module:
  _target_: nequip.train.NequIPLightningModule
  loss: {{_target_: nequip.train.EnergyForceLoss, coeffs: {{total_energy: 1.0, forces: 1.0}}}}
  val_metrics: {{_target_: nequip.train.EnergyForceMetrics}}
  optimizer: {{_target_: torch.optim.Adam, lr: 0.001}}
  model: {{_target_: tests.helpers.tiny_models.two_models, seed: 5}}
global_options: {{allow_tf32: false}}
"""


def train_two_models(folder: Path) -> None:
    """One epoch of ``nequip-train`` on three frames: ``trained.ckpt``, which holds two models."""
    frames = []
    for seed in range(3):
        atoms = co_on_pt(seed=seed)
        atoms.calc = EMT()
        frames.append(atoms.copy())
        frames[-1].calc = SinglePointCalculator(
            frames[-1], energy=atoms.get_potential_energy(), forces=atoms.get_forces()
        )
    write(folder / "frames.xyz", frames, format="extxyz")
    (folder / "train.yaml").write_text(_TRAINING.format(folder=folder))
    run_nequip("nequip.scripts.train", "-cp", folder, "-cn", "train", f"hydra.run.dir={folder}/run")


def run_nequip(module: str, *arguments: object) -> None:
    """Run a nequip command in a process of its own, in which ``tests`` is importable."""
    code = (
        f"import sys; sys.path.insert(0, {str(Path(__file__).parents[2])!r}); "
        f"sys.argv[1:] = {[str(a) for a in arguments]!r}; from {module} import main; main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-3000:]
