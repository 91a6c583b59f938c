"""A kill while a checkpoint is written leaves the old one."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from ipi.engine.outputs import CheckpointOutput

from moe_ipi.plugin.checkpoints import write_safely


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def checkpoint(content: Callable[[], str], *, overwrite: bool = True) -> CheckpointOutput:
    """i-PI's own output, of a simulation that is only a step and a text."""
    output = CheckpointOutput("chk", 1, overwrite, 0)
    output.simul = SimpleNamespace(step=0)
    output.status = SimpleNamespace(
        store=lambda simul: None, step=SimpleNamespace(store=lambda step: None), write=lambda name: content()
    )
    write_safely(output)
    return output


def written(path: Path) -> str:
    return path.read_text().rpartition("-->\n")[2]


def test_what_is_written(folder: Path) -> None:
    texts = iter(["first", "second"])
    output = checkpoint(lambda: next(texts))
    for text in ("first", "second"):
        output.write()
        assert written(folder / "chk") == text
    assert sorted(path.name for path in folder.iterdir()) == ["chk"]
    assert output.filename == "chk" and output.step == 2


def test_numbered_checkpoints(folder: Path) -> None:
    output = checkpoint(lambda: "text", overwrite=False)
    output.write()
    output.write()
    assert sorted(path.name for path in folder.iterdir()) == ["chk_0", "chk_1"]


def test_the_file_of_an_earlier_run_is_kept(folder: Path) -> None:
    (folder / "chk").write_text("earlier")
    checkpoint(lambda: "new").write()
    assert written(folder / "chk") == "new" and (folder / "#chk#0#").read_text() == "earlier"
    checkpoint(lambda: "newer").write()
    assert written(folder / "chk") == "newer" and written(folder / "#chk#1#") == "new"


def test_a_failure_leaves_the_old_one(folder: Path) -> None:
    def fail() -> str:
        raise RuntimeError("no")

    checkpoint(lambda: "old").write()
    with pytest.raises(RuntimeError):
        checkpoint(fail).write()
    assert written(folder / "chk") == "old"
    assert sorted(path.name for path in folder.iterdir()) == ["chk"]


@pytest.mark.parametrize("overwrite", [True, False])
def test_killed_in_the_middle(folder: Path, overwrite: bool) -> None:
    """8 of 8 runs that were killed here had no checkpoint left."""
    name = "chk" if overwrite else "chk_0"
    checkpoint(lambda: "old", overwrite=overwrite).write()
    for _ in range(8):
        child = os.fork()
        if child == 0:
            try:
                checkpoint(lambda: os.kill(os.getpid(), signal.SIGKILL), overwrite=overwrite).write()
            finally:
                os._exit(0)
        assert os.waitpid(child, 0)[1] == signal.SIGKILL
        assert written(folder / name) == "old"
    # What the dead have left does no harm.
    checkpoint(lambda: "new", overwrite=overwrite).write()
    assert written(folder / name) == "new"


def test_it_is_silent_between_its_steps(folder: Path) -> None:
    output = checkpoint(lambda: "text")
    output.stride = 2
    output.write()
    assert not list(folder.iterdir())
