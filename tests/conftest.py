"""What the whole suite shares: the environment of every test process, and fixtures."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from filelock import FileLock

# One thread a process: the suite runs servers and drivers side by side on few cores.
os.environ["OMP_NUM_THREADS"] = "1"


def pytest_configure(config: pytest.Config) -> None:
    """Caches of two workers of pytest-xdist must not meet; those of numba and hypothesis stay from run to run."""
    cache = getattr(config, "cache", None)  # None with -p no:cacheprovider
    if cache is not None:
        worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
        for variable, name in (("NUMBA_CACHE_DIR", "numba"), ("HYPOTHESIS_STORAGE_DIRECTORY", "hypothesis")):
            os.environ[variable] = str(cache.mkdir(f"{name}-{worker}"))


#: Folders (and a file) that take longest, each of which is one worker's: first, lest one worker waits for the other.
LONG = ("test_demo.py", "training", "run", "plugin", "driver", "docs", "lammps", "experts")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long files before short ones."""
    order = {name: position for position, name in enumerate(LONG)}
    here = Path(__file__).parent
    items.sort(key=lambda item: order.get(item.path.relative_to(here).parts[0], len(LONG)))


@pytest.fixture(scope="session", autouse=True)
def cache_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty cache of compiled models, for this process and its children."""
    folder = tmp_path_factory.mktemp("cache")
    os.environ["MOE_IPI_CACHE_DIR"] = str(folder)
    return folder


@pytest.fixture
def case(tmp_path: Path):
    """A folder in which i-PI can run."""
    from tests.helpers.case import Case

    return Case.create(tmp_path)


@pytest.fixture
def command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Callable[..., tuple[int, str, str]]]:
    """``moe-ipi ...`` in this process: arguments to the exit code, standard output and standard error."""
    from moe_ipi import cli

    def call(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["moe-ipi", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        printed = capsys.readouterr()
        return int(ended.value.code or 0), printed.out, printed.err

    yield call
    cli._debug = False


def once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], None]) -> Path:
    """A folder that the first worker makes and all of them read."""
    base = factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / name
    with FileLock(f"{folder}.lock"):
        if not (folder / "done").exists():
            folder.mkdir(exist_ok=True)
            make(folder)
            (folder / "done").touch()
    return folder


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of nequip-train that holds the models ``sole_model`` and ``bulk`` (float64)."""
    from tests.helpers.tiny_models import train_two_models

    return once(tmp_path_factory, "two_models", train_two_models) / "trained.ckpt"


@pytest.fixture(scope="session")
def package(tmp_path_factory: pytest.TempPathFactory, checkpoint: Path) -> Path:
    """The same two models as a nequip package."""
    from tests.helpers.tiny_models import run_nequip

    def make(folder: Path) -> None:
        run_nequip("nequip.scripts.package", "build", checkpoint, folder / "both.nequip.zip")

    return once(tmp_path_factory, "package", make) / "both.nequip.zip"
