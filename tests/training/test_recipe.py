"""The recipe of the shipped pair, every step of it, small: EMT labels, few frames, few epochs."""

import csv
import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import torch
from ase.io import read

from moe_ipi import MoEPotential, load_config
from moe_ipi.cotraining.terms import TERMS
from moe_ipi.experts.nequip.load import load_nequip_model
from moe_ipi.experts.nequip.saved import saved_module

# Many processes that import torch: slow on a busy machine.
pytestmark = pytest.mark.timeout(900)
RECIPE = Path(__file__).parents[2] / "training" / "pt_co"
SELECT = "--teacher emt --only bulk-eos-*,bulk-elastic-*,co-111-pair-*,co-gas-*"
# 500 steps an epoch are more than there are frames: two epochs.
SMALL = "steps=1000 batch_size=12 trainer.accelerator=cpu ++trainer.enable_progress_bar=false cutoff=4.5"
EAGER = "training_module.model.compile_mode=eager scalars=8 tensors=4"


CONFIG = (
    "\n".join(
        f'[experts.{key}]\npath = "pair.nequip.zip"\nkey = "{key}"\nsha256 = "{"0" * 64}"'
        for key in ("complex", "bulk")
    )
    + '\n[regions]\nradius = 4.0\n[[regions.rules]]\ntype = "species"\nspecies = ["C", "O"]\n'
    + '[validation]\nelement = "Pt"\nlattice = "fcc"\nlattice_parameter = 3.977\nlabels = "test.xyz"\n'
)


@pytest.fixture(scope="module")
def recipe(tmp_path_factory):
    """A copy of the recipe in which all steps up to the package were made; (folder, function that runs make)."""
    folder = tmp_path_factory.mktemp("recipe")
    for file in RECIPE.iterdir():
        if file.is_file():
            shutil.copy(file, folder)
    model = folder / "model"
    model.mkdir()
    (model / "moe.toml").write_text(CONFIG)

    def make(*targets, **more):
        binaries = Path(sys.executable).parent
        variables = {
            "TEACHER_PYTHON": sys.executable,
            "BIN": f"{binaries}/",
            "MODEL": str(model),
            "SELECT": SELECT,
            "OVERRIDES": SMALL,
            "OVERRIDES_complex": EAGER,
            "OVERRIDES_bulk": "training_module.model.compile_mode=eager",
            "OVERRIDES_committee": f"{EAGER} steps=600",
            "OVERRIDES_pair": "training_module.compile=false steps=1500",
            "OVERRIDES_separate": "training_module.compile=false steps=1500",
        } | more
        command = ["make", "-C", str(folder), *targets, *(f"{k}={v}" for k, v in variables.items())]
        environment = os.environ | {"OMP_NUM_THREADS": "1", "MAKEFLAGS": ""}
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=800)

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
    assert "0" * 64 not in config.read_text()  # the digest is that of the new package, or it would be refused
    frame = read(folder / "model/test.xyz", "0")
    potential = MoEPotential.from_config(load_config(config), frame.get_chemical_symbols())
    assert (potential.complex.cutoff, potential.bulk.cutoff) == (4.5, 4.5)
    assert potential.complex is not potential.bulk


def test_the_package_names_no_folder_of_the_machine(recipe):
    folder, _ = recipe
    with zipfile.ZipFile(folder / "model/pair.nequip.zip") as package:
        config = next(package.read(name).decode() for name in package.namelist() if name.endswith("model/config.yaml"))
    assert "outputs/complex/best.ckpt" in config and str(folder) not in config


def test_a_finished_step_is_not_repeated(recipe):
    folder, make = recipe
    before = (folder / "outputs/pair/best.ckpt").stat().st_mtime_ns
    again = make("generate", "label", "train")
    assert again.returncode == 0 and "nequip-train" not in again.stdout
    assert (folder / "outputs/pair/best.ckpt").stat().st_mtime_ns == before


def test_the_experts_alone_are_kept_and_come_back(recipe):
    """Their weights without what only the same training needs; both trainings count as done."""
    folder, make = recipe
    kept = make("weights")
    assert kept.returncode == 0, kept.stdout + kept.stderr
    other = folder / "restored"
    back = make("restore", OUTPUTS=str(other))
    assert back.returncode == 0, back.stdout + back.stderr
    for expert in ("complex", "bulk"):
        assert "optimizer_states" not in torch.load(other / expert / "best.ckpt", weights_only=False)
        paths = (folder / "outputs" / expert / "best.ckpt", other / expert / "best.ckpt")
        weights = [saved_module(path, None, expert)[0].state_dict() for path in paths]
        assert all(torch.equal(value, weights[1][name]) for name, value in weights[0].items())
    with open(folder / "weights/complex.csv") as file:
        assert len(list(csv.DictReader(file))) == 2
    # What is there stays: an unfinished training is none that is done.
    unfinished = folder / "unfinished"
    (unfinished / "complex").mkdir(parents=True)
    assert make("restore", OUTPUTS=str(unfinished)).returncode == 0
    assert not list((unfinished / "complex").iterdir()) and (unfinished / "bulk/done").exists()
    assert make("-q", f"{other}/complex/done", f"{other}/bulk/done", OUTPUTS=str(other)).returncode == 0


@pytest.mark.slow
def test_an_interrupted_training_goes_on(recipe):
    """The last checkpoint of a training of three epochs that was to have four continues with the fourth."""
    folder, make = recipe
    (folder / "outputs/pair/done").unlink()
    more = make("train", OVERRIDES_pair="training_module.compile=false steps=2000")
    assert more.returncode == 0, more.stdout[-3000:] + more.stderr[-3000:]
    assert "Continuing training with checkpoint" in more.stdout + more.stderr
    assert torch.load(folder / "outputs/pair/last.ckpt", weights_only=False)["epoch"] == 3


@pytest.mark.slow
def test_an_interrupted_training_ends_where_an_uninterrupted_one_does(recipe):
    """Two epochs and then two more give the same weights, bit for bit, as four: optimiser, averages, frames."""
    folder, make = recipe
    weights = []
    for name, sittings in (("once", (4,)), ("twice", (2, 4))):
        for epochs in sittings:
            (folder / name / "bulk/done").unlink(missing_ok=True)
            overrides = f"{SMALL} run=[train] batch_size=2 steps=12 steps_per_epoch=3 trainer.max_epochs={epochs}"
            done = make(f"{folder}/{name}/bulk/done", OUTPUTS=str(folder / name), OVERRIDES=overrides)
            assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        checkpoint = torch.load(folder / name / "bulk/last.ckpt", weights_only=False)
        assert checkpoint["global_step"] == 12
        weights.append({k: v for k, v in checkpoint["state_dict"].items() if torch.is_tensor(v)})
    assert all(torch.equal(weights[0][k], weights[1][k]) for k in weights[0])


def test_the_learning_curve_of_a_training(recipe):
    folder, _ = recipe
    command = [sys.executable, str(folder / "curves.py"), str(folder / "outputs/complex"), str(folder / "complex.csv")]
    subprocess.run(command, check=True, timeout=60)
    with open(folder / "complex.csv") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2 and int(rows[0]["steps"]) < int(rows[1]["steps"])
    assert all(float(row[f"{kind}_force"]) > 0 for row in rows for kind in ("co", "pt", "train"))


@pytest.mark.slow
def test_parts_of_the_frames_and_what_they_reach(recipe):
    folder, _ = recipe
    commands = [["part.py", "cut", "--out", "data", "--of", "2"], ["part.py", "cut", "--out", "data", "--of", "4"]]
    for part in (2, 1):
        (folder / f"outputs/part-{part}").symlink_to(folder / "outputs/complex")
    runs = ["outputs/part-2", "outputs/part-1"]
    commands.append(["part.py", "table", *runs, "--out", "data", "--csv", "frames.csv"])
    commands.append(["curves.py", "outputs/complex", "complex.csv"])
    commands.append(["picture.py", "complex.csv", "--frames", "frames.csv", "--out", "learning.png"])
    for command in commands:
        subprocess.run([sys.executable, *command], cwd=folder, check=True, timeout=60)
    kept = [{f.info["trajectory"] for f in read(folder / f"data/{name}.xyz", ":")} for name in ("part-4", "part-2")]
    everything = read(folder / "data/train-all.xyz", ":")
    whole = [f for f in everything if f.info["trajectory"] in kept[1]]
    assert kept[0] < kept[1] < {f.info["trajectory"] for f in everything}
    assert len(whole) == len(read(folder / "data/part-2.xyz", ":"))
    with open(folder / "frames.csv") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["frames"]) for row in rows] == [len(whole), len(everything)]
    assert all(float(row["co_force"]) > 0 for row in rows)
    assert (folder / "learning.png").stat().st_size > 10_000


@pytest.mark.slow
def test_rounds_of_labels_chosen_by_a_committee(recipe):
    """Some frames evenly, then those on which two experts disagree most; the repository's archive holds all of them."""
    folder, make = recipe
    select = f"{SELECT},again-crystal-strained-0*"
    names = {"DATA": str(folder / "rounds"), "OUTPUTS": str(folder / "committee"), "ROUND_1": "60", "ROUND_2": "8"}
    names |= {"ROUND_3_pt": "4", "SELECT": select}
    names["CHOOSE"] = "--eager --per-trajectory 2"
    done = make("generate", "round-1", "round-2", "round-3-pt", "pack", **names)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    chosen = [(folder / f"rounds/selections/round-{k}.txt").read_text().splitlines() for k in (1, 2)]
    assert [len(lines) for lines in chosen] == [60, 8] and not set(chosen[0]) & set(chosen[1])
    trajectories = [line.split()[0] for line in chosen[1]]
    assert max(trajectories.count(name) for name in trajectories) <= 2
    third = (folder / "rounds/selections/round-3-pt.txt").read_text().splitlines()
    assert len(third) == 4 and not set(third) & set(chosen[0] + chosen[1])
    assert all(line.startswith("again-crystal-") for line in third)
    with open(folder / "rounds/selections/round-2.csv") as file:
        scores = {f"{row['trajectory']} {row['frame']}": float(row["all"]) for row in csv.DictReader(file)}
    assert not set(chosen[0]) & set(scores) and scores[chosen[1][0]] == max(scores.values())

    done = make("data", DATA=str(folder / "again"))
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    labelled = [read(folder / f"again/labels/round-{k}-all.xyz", ":") for k in (1, 2)]
    assert [len(frames) for frames in labelled] == [60, 8]
    assert len(read(folder / "again/labels/round-3-pt-all.xyz", ":")) == 4
    first = labelled[1][0]
    other = next(
        frame
        for path in (folder / "rounds/labels").glob("round-2-*.xyz")
        for frame in read(path, ":")
        if (frame.info["trajectory"], frame.info["frame"]) == (first.info["trajectory"], first.info["frame"])
    )
    assert (first.positions == other.positions).all() and (first.get_forces() == other.get_forces()).all()
    assert first.get_potential_energy() == other.get_potential_energy()


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
