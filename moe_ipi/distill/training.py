"""NequIP's programs, each in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from moe_ipi.distill.callbacks import MARK
from moe_ipi.errors import MoEError
from moe_ipi.memory import environment_that_keeps

#: Seconds that an interrupted training has to end by itself.
_PATIENCE = 30.0


def train(folder: Path, log: Callable[[str], None]) -> None:
    """Run ``nequip-train``, from its last checkpoint if there is one; a training that has ended is not repeated.

    Args:
        folder: holds ``distill.yaml`` and frames, and gets ``best.ckpt``, ``last.ckpt`` and ``training.log``.
        log: receives lines for the user.

    Raises:
        MoEError: the training ends with an error; the message says where it is written.
    """
    done, last = folder / "done", folder / "last.ckpt"
    if done.exists():
        log("the training has ended before")
        return
    arguments = ["-cp", str(folder.resolve()), "-cn", "distill", "hydra.run.dir=."]
    if last.exists():
        arguments.append(f"++ckpt_path={last.name}")
        log(f"going on from {last}")
    log(f"training: a line after every validation; what nequip-train says is in {folder / 'training.log'}")
    try:
        _run("nequip.scripts.train", arguments, folder / "training.log", log)
    except KeyboardInterrupt:
        log(f"interrupted: the same command goes on {f'from {last}' if last.exists() else 'from the start'}")
        raise
    done.touch()


def build_package(folder: Path) -> Path:
    """Run ``nequip-package`` on the best checkpoint of a training.

    Raises:
        MoEError: it ends with an error.
    """
    built = folder / "pair.nequip.zip"
    _run("nequip.scripts.package", ["build", "best.ckpt", built.name], folder / "package.log", None)
    return built


def _run(module: str, arguments: list[str], record: Path, log: Callable[[str], None] | None) -> None:
    """Run a program in the folder of ``record``, which gets all that it prints; marked lines go also to ``log``."""
    command = [sys.executable, "-m", module, *arguments]
    # A model may be built by modules of where the user is.
    given = filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))
    paths = [os.getcwd(), *map(os.path.abspath, given)]
    more = {"PYTHONUNBUFFERED": "1", "PYTHONPATH": os.pathsep.join(paths)}
    environment = environment_that_keeps(os.environ) | more
    tail = ""
    with (
        record.open("a", encoding="utf-8") as file,
        subprocess.Popen(
            command,
            cwd=record.parent,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            env=environment,
        ) as process,
    ):
        assert process.stdout is not None
        try:
            for line in process.stdout:
                file.write(line)
                file.flush()
                tail = line.strip() or tail
                if log is not None and line.startswith(MARK):
                    log(line.removeprefix(MARK).rstrip())
        except BaseException:
            process.terminate()
            try:
                process.wait(_PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
            raise
    if process.returncode != 0:
        raise MoEError(f"{module} ended with an error: {tail[:200]}; see '{record}'")
