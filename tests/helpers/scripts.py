"""Scripts of LAMMPS, and what they leave."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from tests.helpers.case import Case

HEAD = """units metal
atom_style atomic
boundary p p p
"""
READ = HEAD + "read_data data.lmp\n"
PAIR = """pair_style moe
pair_coeff * * Pt C O
timestep 0.0005
thermo 5
dump all all custom 5 out.dump id type xu yu zu fx fy fz proc
dump_modify all sort id format float %.17g
variable cons equal etotal-v_moe_booked
"""
STYLE = (
    PAIR
    + """fix nve all nve
thermo_style custom step pe v_cons temp
thermo_modify format float %.17g
"""
)
HEAT = "velocity all create 900 1234 loop geom\n"
EVERY = "[segments]\nsegment_steps = 5\n"


def data_file(folder: Path, config: str, atoms: object) -> Case:
    """A folder with a structure as a data file."""
    from moe_ipi.lammps.data import run_data

    case = Case.create(folder, config, atoms)
    run_data(case.template, str(case.folder / "moe.toml"), case.folder / "data.lmp")
    return case


def script(case: Case, text: str, name: str = "in.lmp") -> Path:
    """A script in the folder."""
    path = case.folder / name
    path.write_text(text)
    return path


def rows(log: Path, columns: int = 4) -> np.ndarray:
    """(lines, columns) what thermo has printed; the second column is negative."""
    numbers = re.compile(rf"^\s*(\d+\s+-\d\S+(?:\s+\S+){{{columns - 2}}})\s*$", re.MULTILINE)
    return np.array([line.split() for line in numbers.findall(log.read_text())], float)


def frames(folder: Path) -> list[np.ndarray]:
    """(N, 9) of each frame of the dump: id, type, position, force, rank."""
    blocks = (folder / "out.dump").read_text().split("ITEM: TIMESTEP\n")[1:]
    return [np.array([line.split() for line in block.split("proc\n", 1)[1].splitlines()], float) for block in blocks]
