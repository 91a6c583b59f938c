"""The recipe of the shipped pair, every step of it, small: EMT labels, few frames, few epochs."""

import csv
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from ase.io import read

from moe_ipi import MoEPotential, load_config
from moe_ipi.cotraining.terms import TERMS
from moe_ipi.experts.nequip.load import load_nequip_model

RECIPE = Path(__file__).parents[2] / "training" / "pt_co"
SELECT = "--teacher emt --only bulk-eos-*,bulk-elastic-*,co-111-pair-*,co-gas-*"
SMALL = "max_epochs=2 batch_size=12 trainer.accelerator=cpu ++trainer.enable_progress_bar=false cutoff=4.5"


@pytest.fixture(scope="module")
def recipe(tmp_path_factory):
    """A copy of the recipe in which all steps up to the package were made; (folder, function that runs make)."""
    folder = tmp_path_factory.mktemp("recipe")
    for file in RECIPE.iterdir():
        if file.is_file():
            shutil.copy(file, folder)
    model = folder / "model"
    model.mkdir()

    def make(*targets):
        binaries = Path(sys.executable).parent
        variables = {
            "TEACHER_PYTHON": sys.executable,
            "BIN": f"{binaries}/",
            "MODEL": str(model),
            "SELECT": SELECT,
            "OVERRIDES": SMALL,
            "OVERRIDES_complex": "training_module.model.compile_mode=eager",
            "OVERRIDES_pair": "training_module.compile=false max_epochs=3",
            "OVERRIDES_separate": "training_module.compile=false max_epochs=3",
        }
        command = ["make", "-C", str(folder), *targets, *(f"{k}={v}" for k, v in variables.items())]
        environment = os.environ | {"OMP_NUM_THREADS": "1", "MAKEFLAGS": ""}
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=280)

    done = make("generate", "label", "train", "package")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return folder, make


def test_frames_are_split_by_trajectory(recipe):
    folder, _ = recipe
    parts = {
        p: {f.info["trajectory"] for f in read(folder / f"data/{p}-all.xyz", ":")} for p in ("train", "val", "test")
    }
    assert all(parts.values())
    assert not parts["train"] & parts["test"] and not parts["train"] & parts["val"] and not parts["val"] & parts["test"]
    frame = read(folder / "data/train-co.xyz", "0")
    assert frame.get_stress().shape == (6,) and abs(frame.get_forces()).max() > 0.01


def test_every_term_has_a_log_line(recipe):
    folder, _ = recipe
    with open(next((folder / "outputs/pair").rglob("metrics.csv"))) as file:
        rows = list(csv.DictReader(file))
    for term in TERMS:
        losses = [float(r[f"train_loss_epoch/{term}_mse"]) for r in rows if r[f"train_loss_epoch/{term}_mse"]]
        assert len(losses) == 3 and all(value > 0 for value in losses), term
        assert [r for r in rows if r[f"val0_epoch/{term}_rmse"]], term
    total = [float(r["val0_epoch/weighted_sum"]) for r in rows if r["val0_epoch/weighted_sum"]]
    assert total[-1] < total[0]


def test_the_package_serves_both_experts(recipe):
    folder, _ = recipe
    config = folder / "model/moe.toml"
    config.write_text(
        "\n".join(f'[experts.{key}]\npath = "pair.nequip.zip"\nkey = "{key}"' for key in ("complex", "bulk"))
        + '\n[regions]\nradius = 4.0\n[[regions.rules]]\ntype = "species"\nspecies = ["C", "O"]\n'
        + '[validation]\nelement = "Pt"\nlattice = "fcc"\nlattice_parameter = 3.977\nlabels = "test.xyz"\n'
    )
    frame = read(folder / "model/test.xyz", "0")
    potential = MoEPotential.from_config(load_config(config), frame.get_chemical_symbols())
    assert (potential.complex.cutoff, potential.bulk.cutoff) == (4.5, 4.5)
    assert potential.complex is not potential.bulk


def test_a_finished_step_is_not_repeated(recipe):
    folder, make = recipe
    before = (folder / "outputs/pair/best.ckpt").stat().st_mtime_ns
    again = make("generate", "label", "train")
    assert again.returncode == 0 and "nequip-train" not in again.stdout
    assert (folder / "outputs/pair/best.ckpt").stat().st_mtime_ns == before


def test_an_interrupted_training_goes_on(recipe):
    """The last checkpoint of a training of three epochs that was to have four continues with the fourth."""
    folder, make = recipe
    (folder / "outputs/pair/done").unlink()
    more = make("train", "OVERRIDES_pair=training_module.compile=false max_epochs=4")
    assert more.returncode == 0, more.stdout[-3000:] + more.stderr[-3000:]
    assert "Continuing training with checkpoint" in more.stdout + more.stderr
    assert torch.load(folder / "outputs/pair/last.ckpt", weights_only=False)["epoch"] == 3


def test_the_config_for_ones_own_system(recipe):
    """your_pair.yaml trains from nothing, and its package serves; the log has every term."""
    folder, _ = recipe
    shutil.copy(RECIPE.parent / "your_pair.yaml", folder)
    for part in ("train", "val", "test"):
        shutil.copy(folder / f"data/{part}-all.xyz", folder / f"data/{part}.xyz")
    binaries = Path(sys.executable).parent
    small = ["max_epochs=1", "batch_size=12", "compile=false", "cutoff.complex=4.5", "cutoff.bulk=4.0"]
    names = [f"hydra.run.dir={folder}/own", f"data_dir={folder}/data", "++trainer.enable_progress_bar=false"]
    command = [f"{binaries}/nequip-train", "-cp", str(folder), "-cn", "your_pair", *names, *small]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    logged = next((folder / "own").rglob("metrics.csv")).read_text()
    assert all(f"test0_epoch/{term}_rmse" in logged for term in TERMS)
    for key, cutoff in (("complex", 4.5), ("bulk", 4.0)):
        assert load_nequip_model(folder / "own/best.ckpt", key=key).cutoff == cutoff


def test_validate_measures_the_pair(recipe):
    folder, make = recipe
    done = make("validate", f"VALIDATE=--quick --only eos,interface -o {folder / 'report'}")
    assert (folder / "report/report.html").exists(), done.stdout[-3000:] + done.stderr[-3000:]
    numbers = json.loads((folder / "report/report.json").read_text())
    assert {check["key"] for check in numbers["checks"]} == {"eos", "interface"}
