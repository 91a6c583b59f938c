"""The command line: help, versions, exit codes, and one line for every bad input."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent / "driver"))

from driver_runs import Case

from moe_ipi import __version__, cli


@pytest.fixture
def case(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Case:
    case = Case.create(tmp_path)
    case.write_input(case.ffsocket())
    monkeypatch.chdir(tmp_path)
    return case


@pytest.fixture
def moe_ipi(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Call the entry point with arguments; returns the exit code, standard output and standard error."""

    def call(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["moe-ipi", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        printed = capsys.readouterr()
        return int(ended.value.code or 0), printed.out, printed.err

    return call


def one_error(result: tuple[int, str, str]) -> str:
    """The line that a user reads; there is nothing else on standard error."""
    status, _, stderr = result
    assert status == 1
    assert stderr.startswith("moe-ipi: error: ") and stderr.count("\n") == 1, stderr
    return stderr


def test_help_does_not_load_models() -> None:
    code = (
        "import sys; from moe_ipi import cli\n"
        "try: cli.app(['run', '--help'], prog_name='moe-ipi')\n"
        "finally: print('SLOW:', {'torch', 'ipi', 'ase', 'numba', 'numpy'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "INPUT.xml" in done.stdout and "SLOW: set()" in done.stdout


def test_version(moe_ipi) -> None:
    assert moe_ipi("--version")[:2] == (0, f"moe-ipi {__version__}\n")


@pytest.mark.parametrize(
    "arguments", [["fly"], ["run"], ["run", "input.xml"], ["run", "input.xml", "-c", "x", "-n", "-1"], ["driver", "-x"]]
)
def test_wrong_options(moe_ipi, arguments: list[str]) -> None:
    status, _, stderr = moe_ipi(*arguments)
    assert status == 2
    assert "Usage" in stderr and "Traceback" not in stderr


def edit(path: str, old: str, new: str) -> Callable[[], None]:
    def change() -> None:
        text = Path(path).read_text()
        assert old in text
        Path(path).write_text(text.replace(old, new))

    return change


def model_file(name: str) -> Callable[[], None]:
    """A bulk expert whose file is not what its name says."""

    def change() -> None:
        Path(name).write_bytes(b"not a model")
        edit("moe.toml", 'type = "pair"\nparameters = "bulk"', f'path = "{name}"')()

    return change


TEMPLATE = ["-c", "moe.toml", "--template", "init.xyz"]
NOTHING = lambda: None  # noqa: E731


@pytest.mark.parametrize(
    ("change", "input", "config", "message"),
    [
        (NOTHING, "input.xml", "none.toml", "there is no config 'none.toml'"),
        (edit("moe.toml", "radius", "radios"), "input.xml", "moe.toml", "regions.radios: is not a known key"),
        (edit("moe.toml", "radius = 2.6", "radius = -1"), "input.xml", "moe.toml", "regions.radius: "),
        (edit("moe.toml", "[regions]", "[regions"), "input.xml", "moe.toml", "is not valid TOML"),
        (
            edit("moe.toml", 'type = "pair"\nparameters = "bulk"', 'path = "b.nequip.zip"'),
            "input.xml",
            "moe.toml",
            "experts.bulk.path: there is no file",
        ),
        (
            edit("moe.toml", '"species", species = ["C", "O"]', '"indices", indices = [10]'),
            "input.xml",
            "moe.toml",
            "10",
        ),
        (NOTHING, "none.xml", "moe.toml", "the input '"),
        (NOTHING, ".", "moe.toml", "is not a file"),
        (NOTHING, "init.xyz", "moe.toml", "is not XML"),
        (edit("input.xml", "simulation", "simulacrum"), "input.xml", "moe.toml", "its root is <simulacrum>"),
        (edit("input.xml", "timestep", "timestop"), "input.xml", "moe.toml", "i-PI refuses 'input.xml'"),
        (edit("input.xml", "init.xyz", "none.xyz"), "input.xml", "moe.toml", "names the file 'none.xyz'"),
        (edit("input.xml", "<total_steps>3", "<total_steps>0"), "input.xml", "moe.toml", "raise <total_steps>"),
        (edit("init.xyz", "\nO ", "\nXx "), "input.xml", "moe.toml", "masses (is every label an element?)"),
        (
            edit("input.xml", "</ffsocket>", "</ffsocket><ffsocket name='b'/><ffsocket name='c'/>"),
            "input.xml",
            "moe.toml",
            "'b' and 'c' of 'input.xml' have the same address: give each its own <port>",
        ),
        (lambda: Path("EXIT").touch(), "input.xml", "moe.toml", "remove it"),
        (lambda: Path("RESTART").write_text(""), "RESTART", "moe.toml", "is not XML"),
    ],
)
def test_bad_input_of_run(case: Case, moe_ipi, change: Callable[[], None], input: str, config: str, message: str):
    change()
    assert message in one_error(moe_ipi("run", input, "-c", config))
    assert not list(case.folder.glob("*.log"))  # nothing was started


def test_an_input_that_needs_no_driver(case: Case, moe_ipi) -> None:
    direct = "<ffdirect name='moe'><pes>harmonic</pes><parameters>{k1: 1.0}</parameters></ffdirect>"
    case.write_input(direct)
    error = one_error(moe_ipi("run", "input.xml", "-c", "moe.toml"))
    assert "has no <ffsocket> but ffdirect" in error and "run it with i-pi input.xml" in error


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        (NOTHING, ["-c", "none.toml"], "there is no config 'none.toml'"),
        (NOTHING, ["-c", "moe.toml"], "--template"),
        (NOTHING, ["-c", "moe.toml", "--template", "none.xyz"], "'none.xyz' does not exist"),
        (edit("init.xyz", "\nC ", "\nAu "), ["-c", "moe.toml", "--template", "init.xyz"], "Au"),
        (model_file("model.nequip.zip"), TEMPLATE, "cannot load the bulk expert"),
        (model_file("model.ckpt"), TEMPLATE, "cannot load the bulk expert"),
        (model_file("model.nequip.pt2"), TEMPLATE, "cannot load the compiled bulk expert"),
        (model_file("model.nequip.pth"), TEMPLATE, "is a TorchScript model"),
    ],
)
def test_bad_input_of_driver(case: Case, moe_ipi, change: Callable[[], None], options: list[str], message: str) -> None:
    change()
    assert message in one_error(moe_ipi("driver", "-u", "-a", case.name, "--connect-timeout", "0", *options))


def test_an_unexpected_error_is_one_line_too(case: Case, moe_ipi, monkeypatch: pytest.MonkeyPatch) -> None:
    import moe_ipi.models as models

    def broken(name: str) -> Path:
        raise RuntimeError("something\nin the code")

    monkeypatch.setattr(models, "find_config", broken)
    error = one_error(moe_ipi("driver", "-c", "moe.toml"))
    assert "unexpected RuntimeError: something in the code; run moe-ipi --debug driver ..." in error
    monkeypatch.setattr(sys, "argv", ["moe-ipi", "--debug", "driver", "-c", "moe.toml"])
    with pytest.raises(RuntimeError):
        cli.main()
    cli._debug = False
