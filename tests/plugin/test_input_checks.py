"""What is refused or remarked on in i-PI inputs, all of them read by i-PI."""

from __future__ import annotations

import re
from pathlib import Path

import ase.io
import numpy as np
import pytest

from moe_ipi.config import Config, load_config
from moe_ipi.errors import ConfigError
from moe_ipi.plugin.compatibility import check_compatible
from moe_ipi.plugin.ipi_input import InputError, IPIInput, read_input
from moe_ipi.run.template import write_template
from moe_ipi.structure import read_template
from moe_ipi.units import BOHR
from tests.helpers import inputs
from tests.helpers.case import Case
from tests.helpers.configs import MOE_TOML
from tests.helpers.moe_ipi_run import run, run_to_end
from tests.helpers.processes import assert_one_error, run_with_threads, wait_for

AGREEMENT = MOE_TOML.replace("rules = [{", 'rules = [{ type = "agreement", tolerance = 0.1 }, {')


def changed(case: Case, *replacements: tuple[str, str], options: str = "", fields: str = "") -> IPIInput:
    """The input of the case with some text replaced, as it is read."""
    path = case.write_input(fields or case.ffsocket(options=options))
    text = path.read_text()
    for old, new in replacements:
        assert old in text, old
        text = text.replace(old, new)
    path.write_text(text)
    return read_input(path, case.folder)


def config(case: Case, text: str) -> Config:
    (case.folder / "moe.toml").write_text(text)
    return load_config(case.folder / "moe.toml")


def test_nothing_to_say(case: Case) -> None:
    read = changed(case)
    assert read.notes == () and read.locked == () and read.turned == ()
    assert check_compatible(read, config(case, MOE_TOML + "[segments]\nsegment_steps = 5\n")) == []


@pytest.mark.parametrize("output", ["checkpoint", "properties", "trajectory"])
def test_strides_that_i_pi_divides_by(case: Case, output: str) -> None:
    more = {
        "checkpoint": "<checkpoint filename='last' stride='0'/>",
        "properties": "<properties filename='last' stride='0'>[step]</properties>",
        "trajectory": "<trajectory filename='last' stride='0'>positions</trajectory>",
    }
    with pytest.raises(InputError, match=rf"<{output}> 'last' has the stride 0: give it one of 1 or more"):
        changed(case, ("</output>", more[output] + "</output>"))


@pytest.mark.parametrize(
    ("mode", "comment"),
    [
        ("xyz", "no cell"),
        # With the unit of the cell i-PI accepts it, as a box of -1 A.
        ("xyz", "# positions{angstrom} cell{angstrom}"),
        ("xyz", "# CELL(abcABC): 0 0 0 90 90 90 positions{angstrom} cell{angstrom}"),
        ("xyz", "# CELL(H): 9 0 0 0 9 0 0 0 0 positions{angstrom} cell{angstrom}"),
        ("ase", 'Properties=species:S:1:pos:R:3 pbc="F F F"'),
        ("ase", "Properties=species:S:1:pos:R:3 pbc=T"),
    ],
)
def test_structures_without_a_cell(case: Case, mode: str, comment: str) -> None:
    lines = case.template.read_text().splitlines()
    case.template.write_text("\n".join([lines[0], comment, *lines[2:], ""]))
    with pytest.raises(InputError, match="the structure to start from has no cell: give it one, such as") as error:
        changed(case, ("mode='xyz'", f"mode='{mode}'"))
    assert "input.xml" in str(error.value)


def test_an_extended_xyz_that_is_read_as_an_xyz(case: Case) -> None:
    lines = case.template.read_text().splitlines()
    case.template.write_text("\n".join([lines[0], 'Lattice="9 0 0 0 9 0 0 0 30" pbc="T T T"', *lines[2:], ""]))
    with pytest.raises(InputError, match=r"'init\.xyz' is an extended xyz, write <file mode='ase'>"):
        changed(case)
    np.testing.assert_allclose(changed(case, ("mode='xyz'", "mode='ase'")).cell * BOHR, np.diag([9.0, 9, 30]))


def test_a_cell_in_the_input(case: Case) -> None:
    lines = case.template.read_text().splitlines()
    case.template.write_text("\n".join([lines[0], "# positions{angstrom} cell{angstrom}", *lines[2:], ""]))
    cell = "<cell mode='abc' units='angstrom'>[20, 21, 22]</cell>"
    read = changed(case, ("init.xyz</file>", f"init.xyz</file>{cell}"))
    np.testing.assert_allclose(read.cell * BOHR, np.diag([20.0, 21.0, 22.0]), atol=1e-9)


def test_active_lists(case: Case) -> None:
    with pytest.raises(InputError, match=r"<ffsocket> 'moe' has an <activelist>: .* remove it"):
        changed(case, options="<activelist>[8,9]</activelist>")


def test_locked_drivers(case: Case) -> None:
    """A request besides the dynamics has the id -1: a driver that gets it is locked to it for ever."""
    read = changed(case, ("mode='unix'", "mode='unix' matching='lock'"), fields=case.ffsocket())
    assert read.locked == ("moe",)
    check_compatible(read, config(case, MOE_TOML))
    for text, what in (
        (AGREEMENT, "a rule of type 'agreement' cannot"),
        (MOE_TOML + "[segments]\nsegment_steps = 5\nmonitor = 1\n", "segments.monitor cannot"),
    ):
        with pytest.raises(ConfigError, match=f"{what} be used with matching='lock' .* write matching='auto'"):
            check_compatible(read, config(case, text))
    assert check_compatible(read, config(case, MOE_TOML + "[segments]\nsegment_steps = 0\nmonitor = 1\n"))


def test_it_is_refused_before_anything_starts(case: Case) -> None:
    path = case.write_input(case.ffsocket(options="<activelist>[8,9]</activelist>"))
    with run(case, path) as parent:
        assert_one_error(wait_for(parent, status=1), "has an <activelist>")
    assert not list(case.folder.glob("*ipi.log"))


@pytest.mark.parametrize(
    ("first", "second", "forces", "total"),
    [
        ("", "", "{a}{b}", "2"),
        ("moe", "complex", "{a}{b}", "2"),
        ("moe", "bulk", "{a}{b}", "2"),
        ("", "", "{a}{a}", "2"),
        ("", "", "<force forcefield='a' weight='0.75'/><force forcefield='b' weight='0.5'/>", "1.25"),
        ("bulk", "correction", "{a}{b}", None),
        ("", "", "<force forcefield='a' weight='0.5'/><force forcefield='b' weight='0.5'/>", None),
        ("", "", "{a}", None),
        # Contraction and multiple time stepping with differences of energies.
        ("moe", "bulk", "{a}{b}<force forcefield='b' weight='-1' nbeads='1'/>", None),
        (
            "moe",
            "bulk",
            "<force forcefield='a'><mts_weights>[1, 0]</mts_weights></force>"
            "<force forcefield='b'><mts_weights>[-1, 1]</mts_weights></force>",
            None,
        ),
        (
            "moe",
            "moe",
            "<force forcefield='a'><mts_weights>[1, 0]</mts_weights></force>"
            "<force forcefield='b'><mts_weights>[0, 1]</mts_weights></force>",
            "2",
        ),
    ],
)
def test_the_full_energy_twice(case: Case, first: str, second: str, forces: str, total: str | None) -> None:
    options = {name: inputs.hamiltonian(kind) if kind else "" for name, kind in (("a", first), ("b", second))}
    fields = "".join(inputs.ffsocket(name, f"{case.name}-{name}", options=options[name]) for name in "ab")
    text = forces.format(a="<force forcefield='a'/>", b="<force forcefield='b'/>")
    read = changed(case, ("<force forcefield='moe'/>", text), fields=fields)
    if total is None:
        assert read.notes == ()
    else:
        (note,) = read.notes
        assert f"each carry the full energy, and their weights sum to {total}:" in note


def test_a_committee_is_a_mean(case: Case) -> None:
    inner = "".join(inputs.ffsocket(name, f"{case.name}-{name}") for name in "ab")
    assert changed(case, fields=f"<ffcommittee name='moe'>{inner}</ffcommittee>").notes == ()


def test_flags_that_i_pi_does_not_know(case: Case) -> None:
    atoms = case.atoms.copy()
    atoms.pbc = (True, True, False)
    ase.io.write(case.folder / "init.extxyz", atoms)
    (note,) = changed(case, ("<file mode='xyz'>init.xyz", "<file mode='ase'>init.extxyz")).notes
    assert note.startswith("'init.extxyz' says that it is not periodic along c, but i-PI knows no such flags")


@pytest.mark.parametrize("mode", ["ase", "xyz"])
def test_cells_that_i_pi_turns(case: Case, mode: str) -> None:
    atoms = case.atoms.copy()
    atoms.rotate(30, "z", rotate_cell=True)
    if mode == "ase":
        ase.io.write(case.folder / "turned", atoms, format="extxyz")
    else:
        cell = " ".join(str(x) for x in atoms.cell.array.ravel())
        rows = "".join(f"{s} {x} {y} {z}\n" for s, (x, y, z) in zip(atoms.symbols, atoms.positions, strict=True))
        comment = f"# CELL(GENH): {cell} positions{{angstrom}} cell{{angstrom}}"
        (case.folder / "turned").write_text(f"{len(atoms)}\n{comment}\n{rows}")
    read = changed(case, ("<file mode='xyz'>init.xyz", f"<file mode='{mode}'>turned"))
    assert read.turned == ("turned",)
    slab = MOE_TOML.replace("rules = [{", 'rules = [{ type = "slab", axis = "z", min = 0.0, max = 1.0 }, {')
    (note,) = check_compatible(read, config(case, slab + "[segments]\nsegment_steps = 5\n"))
    assert "i-PI turns the cell of 'turned'" in note and "slab and box rules are measured in that orientation" in note
    assert check_compatible(read, config(case, MOE_TOML + "[segments]\nsegment_steps = 5\n")) == []


def test_isotopes_in_a_run(case: Case) -> None:
    """D, C13 and O18 are H, C and O to the experts, and keep their masses in i-PI."""
    template = case.folder / "init.xyz"
    template.write_text(re.sub(r"^C ", "C13 ", re.sub(r"^O ", "O18 ", template.read_text(), flags=re.M), flags=re.M))
    input = case.write_input(case.ffsocket())
    run_with_threads(case, input, case.unix)
    case.check_outputs(beads=1, steps=3)
    written = write_template(read_input(input, case.folder), case.folder)
    assert "C13 " in written.read_text() and read_template(written).get_chemical_symbols() == case.species


def test_rotations(case: Case) -> None:
    """The <ffsocket> inside <ffrotations> is found, gets its drivers and the assignment."""
    fields = f"<ffrotations name='moe'><random>True</random>{inputs.ffsocket('inner', case.name)}</ffrotations>"
    path = case.write_input(fields)
    # The extras of rotations are lists of those of the drivers.
    text = re.sub(r"<trajectory filename='moe'.*?</trajectory>", "", path.read_text())
    path.write_text(text.replace("</output>", "<checkpoint stride='2'/></output>"))
    assert [name for name, _ in read_input(path, case.folder).servers] == ["inner"]
    run_to_end(case, path)
    printed = np.loadtxt(case.folder / "out.props")
    positions = case.frames("pos", 1, 4)
    for k in range(4):
        direct = case.potential().evaluate(positions[k], case.atoms.cell.array[None], case.assignment())
        np.testing.assert_allclose(printed[k, 1], direct.energies[0], rtol=1e-10)
    restart = Path(case.folder / "RESTART").read_text()
    assert "moe_token" in restart and "o3grid_pots" not in restart
