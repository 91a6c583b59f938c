"""Label the sampled frames with SevenNet-l3i5 and split them by trajectory.

    python label.py --out data --workers 2        (resumes where it was stopped)

Labels are energy (eV), forces (eV/A) and stress (eV/A^3, ASE's sign): models trained on them are
teacher-accurate, not DFT-accurate.  Another source of labels need only write the same files:
``OUT/trajectories/NAME.xyz`` for every ``OUT/unlabelled/NAME.xyz``.
"""

from __future__ import annotations

import os
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import read
from frames import split, write_whole
from structures import chosen_starts
from teachers import TEACHERS, calculator
from workers import for_all, parser


def label_trajectory(name: str, out: Path, teacher: str) -> None:
    """Label one trajectory, unless its file is there."""
    target = out / "trajectories" / f"{name}.xyz"
    if target.exists():
        return
    frames = read(out / "unlabelled" / f"{name}.xyz", index=":")
    for frame in frames:
        work = frame.copy()
        work.calc = calculator(teacher)
        frame.calc = SinglePointCalculator(
            frame, energy=work.get_potential_energy(), forces=work.get_forces(), stress=work.get_stress()
        )
    write_whole(target, frames)


def main() -> None:
    options = parser(__doc__)
    args = options.parse_args()
    starts = chosen_starts(args.seed, args.only)
    missing = [s.name for s in starts if not (args.out / "unlabelled" / f"{s.name}.xyz").exists()]
    if missing:
        options.error(f"{len(missing)} trajectories are not sampled yet ({missing[0]}, ...): run generate.py first")
    (args.out / "trajectories").mkdir(parents=True, exist_ok=True)
    teacher = TEACHERS[args.teacher][1]
    for_all(label_trajectory, [(s.name, args.out, teacher) for s in reversed(starts)], args.workers, "labels")
    split(args.out, starts)


if __name__ == "__main__":
    main()
