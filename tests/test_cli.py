"""The command line: help, versions, exit codes, and one line for every bad input."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from moe_ipi import __version__, cli
from tests.helpers.case import Case
from tests.helpers.processes import one_error


@pytest.fixture
def case(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Case:
    case = Case.create(tmp_path)
    case.write_input(case.ffsocket())
    monkeypatch.chdir(tmp_path)
    return case


def test_help_does_not_load_models() -> None:
    code = (
        "import sys; from moe_ipi import cli\n"
        "try: cli.app(['run', '--help'], prog_name='moe-ipi')\n"
        "finally: print('SLOW:', {'torch', 'ipi', 'ase', 'numba', 'numpy'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "INPUT.xml" in done.stdout and "SLOW: set()" in done.stdout


def every_command() -> list[tuple[str, ...]]:
    """The words of every command and group."""
    from typer.main import get_command

    found: list[tuple[str, ...]] = [()]
    for words in found:
        group = get_command(cli.app)
        for word in words:
            group = group.commands[word]
        found += [(*words, name) for name in getattr(group, "commands", {})]
    return found


@pytest.mark.parametrize("words", every_command(), ids=" ".join)
def test_help_fits_a_terminal(command, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]) -> None:
    """Of 80 columns: nothing is cut, no line is longer."""
    monkeypatch.setenv("COLUMNS", "80")
    status, out, _ = command(*words, "--help")
    assert status == 0 and "Usage: moe-ipi" in out and "--help" in out
    lines = re.sub(r"(?<=[]}])\.\.\.", "", out).splitlines()
    assert not [line for line in lines if len(line) > 80 or "..." in line or "\u2026" in line]


@pytest.mark.parametrize(
    ("typed", "offered"),
    [("moe-ipi va", "validate"), ("moe-ipi run --stall", "--stall-timeout"), ("moe-ipi new pimd_", "pimd_mts")],
)
def test_the_shell_completes(typed: str, offered: str) -> None:
    """As the function that --show-completion prints asks for it."""
    words = {"_MOE_IPI_COMPLETE": "complete_bash", "COMP_WORDS": typed, "COMP_CWORD": str(len(typed.split()) - 1)}
    command = [sys.executable, "-c", "from moe_ipi.cli import main; main()"]
    done = subprocess.run(command, env={**os.environ, **words}, capture_output=True, text=True, timeout=100)
    assert done.stdout.split() == [offered], done.stderr


def test_the_completion_of_a_shell(command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION", "1")
    status, out, _ = command("--show-completion", "bash")
    assert status == 0 and "_MOE_IPI_COMPLETE=complete_bash" in out and "moe-ipi" in out


def test_version(command) -> None:
    assert command("--version")[:2] == (0, f"moe-ipi {__version__}\n")
    module = subprocess.run([sys.executable, "-m", "moe_ipi", "--version"], capture_output=True, text=True, timeout=60)
    assert module.stdout == f"moe-ipi {__version__}\n"


@pytest.mark.parametrize(
    "arguments", [["fly"], ["run"], ["run", "input.xml"], ["run", "input.xml", "-c", "x", "-n", "-1"], ["driver", "-x"]]
)
def test_wrong_options(command, arguments: list[str]) -> None:
    status, _, stderr = command(*arguments)
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
        edit("moe.toml", 'type = "finnis-sinclair"\nparameters = "bulk"', f'path = "{name}"')()

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
            edit("moe.toml", 'type = "finnis-sinclair"\nparameters = "bulk"', 'path = "b.nequip.zip"'),
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
def test_bad_input_of_run(case: Case, command, change: Callable[[], None], input: str, config: str, message: str):
    change()
    assert message in one_error(command("run", input, "-c", config))
    assert not list(case.folder.glob("*.log"))  # nothing was started


def test_an_input_that_needs_no_driver(case: Case, command) -> None:
    direct = "<ffdirect name='moe'><pes>harmonic</pes><parameters>{k1: 1.0}</parameters></ffdirect>"
    case.write_input(direct)
    error = one_error(command("run", "input.xml", "-c", "moe.toml"))
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
def test_bad_input_of_driver(case: Case, command, change: Callable[[], None], options: list[str], message: str) -> None:
    change()
    assert message in one_error(command("driver", "-u", "-a", case.name, "--connect-timeout", "0", *options))


def test_an_unexpected_error_is_one_line_too(case: Case, command, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(name: str) -> Path:
        raise RuntimeError("something\nin the code")

    monkeypatch.setattr("moe_ipi.driver.command.find_config", broken)
    error = one_error(command("driver", "-c", "moe.toml"))
    assert "unexpected RuntimeError: something in the code; run moe-ipi --debug driver ..." in error
    monkeypatch.setattr(sys, "argv", ["moe-ipi", "--debug", "driver", "-c", "moe.toml"])
    with pytest.raises(RuntimeError):
        cli.main()


def test_help_lists_the_checks(command, monkeypatch: pytest.MonkeyPatch) -> None:
    from moe_ipi.validation.checks import CHECKS

    monkeypatch.setenv("COLUMNS", "200")
    status, out, _ = command("validate", "--help")
    words = " ".join(word for word in out.split() if word.isascii())
    assert status == 0 and f"Only these of {', '.join(sorted(CHECKS))} (separated by commas)." in words


def test_a_folder_of_its_name_does_not_hide_a_pair(case: Case, command) -> None:
    (case.folder / "pt-co").mkdir()
    # The pair was found: its config is read, and names no template.
    assert "i-PI does not send species" in one_error(command("driver", "-c", "pt-co"))


def test_the_old_word_for_the_analytic_experts(case: Case, command) -> None:
    edit("moe.toml", "finnis-sinclair", "pair")()
    assert "is now called 'finnis-sinclair'" in one_error(command("run", "input.xml", "-c", "moe.toml"))


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        (edit("moe.toml", "[regions]", "[regions"), "tomllib.TOMLDecodeError"),
        (edit("moe.toml", "radius", "radios"), "pydantic_core._pydantic_core.ValidationError"),
        (model_file("model.nequip.zip"), "RuntimeError: "),
    ],
)
def test_debug_shows_the_cause(case: Case, change: Callable[[], None], cause: str) -> None:
    change()
    command = [sys.executable, "-m", "moe_ipi.cli", "--debug", "driver", *TEMPLATE]
    done = subprocess.run(command, cwd=case.folder, capture_output=True, text=True, timeout=100)
    assert done.returncode == 1
    first, rest = done.stderr.split("\nThe above exception was the direct cause of the following exception:\n", 1)
    assert cause in first and "moe_ipi.errors." in rest.splitlines()[-1]
