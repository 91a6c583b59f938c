"""(b) Our driver against the other ways from i-PI to the same model."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
from ase import Atoms

from benchmarks.harness import Settings, Table
from benchmarks.simulations import ROOT, IPIRun, moe_driver, moe_toml
from benchmarks.systems import REPEATS, crystal
from moe_ipi import load_config
from moe_ipi.caches import cache_folder
from moe_ipi.config import ModelExpert

BIN = Path(sys.executable).parent
PES = Path(__file__).with_name("nequip_pes.py")


def for_ase(expert: ModelExpert) -> Path:
    """The model compiled by ``nequip-compile --target ase``, kept in the cache folder."""
    digest = hashlib.sha256(expert.path.read_bytes()).hexdigest()[:16]
    artifact = cache_folder() / "benchmarks" / f"{digest}-{expert.key}.nequip.pt2"
    if not artifact.exists():
        artifact.parent.mkdir(parents=True, exist_ok=True)
        command = [BIN / "nequip-compile", expert.path, artifact, "--mode", "aotinductor", "--device", "cpu"]
        command += ["--target", "ase", "--model", expert.key or "sole_model"]
        subprocess.run(command, check=True, capture_output=True)
    return artifact


def run(settings: Settings) -> list[Table]:
    """Time of a step (NVE) with the complex expert on every atom, one driver, by way."""
    config = load_config(settings.config)
    expert = config.experts.complex
    assert isinstance(expert, ModelExpert), "needs a model as the complex expert"
    model = for_ase(expert)
    atoms = crystal(config, REPEATS[500])
    seconds: dict[str, list[float]] = {}
    for turn in range(settings.turns):
        for name, times in _ways(settings, atoms, model, turn).items():
            seconds.setdefault(name, []).append(float(np.median(times)))
    ours = np.array(seconds["moe-ipi driver"])
    table = Table(
        "routes",
        f"From i-PI to one model on all {len(atoms)} atoms: our driver and other ways",
        ["way", "step, ms", "moe-ipi driver takes, of this"],
        note="Same model, compiled for each way; medians over the steps of a run, ratios within a turn.",
    )
    for name, times in seconds.items():
        share = float(np.median(ours / np.array(times)))
        table.rows.append([name, 1e3 * float(np.median(times)), share])
    return [table]


def _ways(settings: Settings, atoms: Atoms, model: Path, turn: int) -> dict[str, np.ndarray]:
    config = load_config(settings.config)
    steps = 10
    folder = settings.scratch / f"routes-{turn}"
    folder.mkdir(parents=True)
    toml = moe_toml(folder / "moe.toml", config, np.ones(len(atoms), bool), settings.threads)
    socket = "{address}-moe"

    def runs(name: str, fields: str | None = None) -> IPIRun:
        more = {} if fields is None else {"fields": fields}
        return IPIRun(folder / name, atoms, steps=steps, **more)

    def direct(pes: Path, parameters: str) -> str:
        # i-PI looks for the file beside its input.
        return (
            f"<ffdirect name='moe' pbc='False'><pes>custom</pes><pes_path>{pes}</pes_path>"
            f"<parameters>{{ {parameters} }}</parameters></ffdirect>"
        )

    ase = [sys.executable, PES, model, socket]
    pes = [BIN / "i-pi-py_driver", "-u", "-a", socket, "-m", "custom", "-P", PES]
    pes += ["-o", f"model={model},template=init.extxyz"]
    ours = ROOT / "drivers" / "moe_ipi_pes.py"
    shutil.copy(ours, folder)
    return {
        "moe-ipi driver": runs("driver").with_drivers([moe_driver(toml)]),
        "in i-PI's process (ffdirect, moe_ipi_pes.py)": runs(
            "direct", direct(ours, f"config: {toml}, template: init.xyz")
        ).with_drivers([]),
        "NequIPCalculator, ASE's SocketClient": runs("ase").with_drivers([ase]),
        "NequIPCalculator, i-pi-py_driver": runs("py_driver").with_drivers([pes]),
        "NequIPCalculator in i-PI's process (ffdirect)": runs(
            "direct-ase", direct(PES, f"model: {model}, template: init.extxyz")
        ).with_drivers([]),
    }
