"""What is read from i-PI inputs."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from moe_ipi.driver.address import Server
from moe_ipi.plugin.ipi_input import InputError, read_input
from moe_ipi.run.template import write_template
from moe_ipi.structure import read_template
from tests.helpers.case import Case
from tests.helpers.processes import ROOT


def test_socket(case: Case) -> None:
    path = case.write_input(case.ffsocket("shm"), steps=7)
    path.write_text(path.read_text().replace("<simulation", "<simulation sockets_prefix='/tmp/other_'"))
    run = read_input(path, case.folder)
    assert run.servers == (("moe", Server(case.name, shm=True, prefix="/tmp/other_")),)
    assert (run.prefix, run.step, run.total_steps) == ("out", 0, 7)


def test_defaults_are_those_of_ipi(case: Case) -> None:
    run = read_input(case.write_input("<ffsocket name='moe'/>"), case.folder)
    assert run.servers == (("moe", Server("localhost", 65535)),)


def test_units_of_the_input_hold(case: Case) -> None:
    """A file without units in its comment means what the input says: here angstrom, not bohr."""
    path = case.write_input(case.ffsocket())
    text = (case.folder / "init.xyz").read_text().replace(" positions{angstrom} cell{angstrom}", "")
    (case.folder / "init.xyz").write_text(text)
    path.write_text(
        path.read_text().replace("<file mode='xyz'>", "<file mode='xyz' units='angstrom' cell_units='angstrom'>")
    )
    atoms = read_template(write_template(read_input(path, case.folder), case.folder))
    np.testing.assert_allclose(atoms.positions, case.atoms.positions, atol=1e-12)
    np.testing.assert_allclose(atoms.cell.array, case.atoms.cell.array, atol=1e-12)


def test_systems_with_different_atoms(case: Case) -> None:
    path = case.write_input(case.ffsocket())
    text = path.read_text()
    system = text[text.index("<system>") : text.index("</system>") + len("</system>")]
    other = system.replace("init.xyz", "other.xyz").replace("<system>", "<system prefix='b'>")
    path.write_text(text.replace(system, system.replace("<system>", "<system prefix='a'>") + other))
    (case.folder / "other.xyz").write_text((case.folder / "init.xyz").read_text().replace("\nO ", "\nC "))
    with pytest.raises(InputError, match="different atoms"):
        read_input(path, case.folder)


def test_reading_starts_nothing(case: Case) -> None:
    before = sorted(case.folder.iterdir())
    path = case.write_input(case.ffsocket())
    read_input(path, case.folder)
    assert sorted(case.folder.iterdir()) == sorted([*before, path])
    assert not Path(case.unix.path).exists()


def test_checkpoints_and_motion(case: Case) -> None:
    path = case.write_input(case.ffsocket())
    text = path.read_text()
    run = read_input(path, case.folder)
    assert run.checkpoint_strides == () and run.dynamics
    path.write_text(text.replace("</output>", "<checkpoint stride='5'/><checkpoint filename='b' stride='7'/></output>"))
    assert read_input(path, case.folder).checkpoint_strides == (5, 7)
    # Two motions one after the other, both dynamics; then one that is not.
    start, end = text.index("<motion"), text.index("</motion>") + len("</motion>")
    for second, dynamics in (
        (text[start:end], True),
        ("<motion mode='minimize'><optimizer mode='bfgs'/></motion>", False),
        ("<motion mode='vibrations'><vibrations mode='fd'/></motion>", False),
    ):
        path.write_text(f"{text[:start]}<motion mode='multi'>{text[start:end]}{second}</motion>{text[end:]}")
        assert read_input(path, case.folder).dynamics is dynamics


@pytest.mark.parametrize("installed", [True, False])
def test_plumed_is_not_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, installed: bool) -> None:
    """It would open its output files, and i-PI opens them, too."""
    shutil.copytree(ROOT / "ipi_inputs" / "metad", tmp_path, dirs_exist_ok=True)
    before = sorted(tmp_path.iterdir())
    monkeypatch.setattr("importlib.util.find_spec", lambda name: name if installed else None)
    if installed:
        run = read_input(tmp_path / "input.xml", tmp_path)
        assert [name for name, _ in run.servers] == ["moe"] and run.dynamics
    else:
        with pytest.raises(InputError, match="<ffplumed> needs PLUMED's Python package: pip install plumed"):
            read_input(tmp_path / "input.xml", tmp_path)
    assert sorted(tmp_path.iterdir()) == before
