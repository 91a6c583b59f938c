"""Label sampled frames with SevenNet-l3i5 and split them by trajectory.

    python label.py --out data --workers 2 [--selection FILE]        (resumes where it was stopped)

Without a selection all frames are labelled; with one (``select.py``) the frames that it lists, most valuable first.
Labels are energy (eV), forces (eV/A) and stress (eV/A^3, ASE's sign): models trained on them are
teacher-accurate, not DFT-accurate.  Another source of labels need only write the same files: ``OUT/labels/*.xyz``.
"""

from __future__ import annotations

import os
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

from ase.calculators.singlepoint import SinglePointCalculator
from frames import Key, labelled_frames, read_all, split, write_whole
from physical import physical
from starts import chosen_starts
from teachers import TEACHERS, calculator
from workers import for_all, parser

#: Frames of a selection that go into one file.
CHUNK = 8


def label_frames(target: Path, keys: list[Key], out: Path, teacher: str) -> None:
    """Label frames into ``target``, unless it is there; those with unphysical forces are left out."""
    if target.exists():
        return
    labelled = []
    trajectories = {name: read_all(out / "unlabelled" / f"{name}.xyz") for name in {name for name, _ in keys}}
    for name, number in keys:
        frame = next(f for f in trajectories[name] if f.info["frame"] == number)
        work = frame.copy()
        work.calc = calculator(teacher)
        # The teacher's numbers are single precision: rounded as they are they would not have fewer digits.
        energy = float(work.get_potential_energy())
        forces, stress = work.get_forces().astype(float), work.get_stress().astype(float)
        if not physical(frame, forces):
            continue
        frame.calc = SinglePointCalculator(
            frame, energy=round(energy, 5), forces=forces.round(5), stress=stress.round(8)
        )
        labelled.append(frame)
    write_whole(target, labelled)


def jobs(out: Path, names: list[str], selection: Path | None) -> list[tuple[Path, list[Key]]]:
    """The files to write, and the frames that go into each; what has a label is left out."""
    done = labelled_frames(out)
    folder = out / "labels"
    if selection:
        chosen = [(name, int(number)) for name, number in map(str.split, selection.read_text().splitlines())]
        parts = [chosen[k : k + CHUNK] for k in range(0, len(chosen), CHUNK)]
        files = [(folder / f"{selection.stem}-{k:04d}.xyz", keys) for k, keys in enumerate(parts)]
    else:
        complete = {name for name, _ in done}
        files = []
        for name in names:
            if name not in complete:
                numbers = [f.info["frame"] for f in read_all(out / "unlabelled" / f"{name}.xyz")]
                files.append((folder / f"{name}.xyz", [(name, number) for number in numbers]))
    return [(file, [key for key in keys if key not in done]) for file, keys in files]


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--selection", type=Path, help="a file with 'TRAJECTORY FRAME' a line")
    args = options.parse_args()
    starts = chosen_starts(args.seed, args.only)
    (args.out / "labels").mkdir(parents=True, exist_ok=True)
    given = {name for name, _ in labelled_frames(args.out)}
    names = [s.name for s in starts if s.name not in given]
    missing = [name for name in names if not (args.out / "unlabelled" / f"{name}.xyz").exists()]
    if missing and not args.selection:
        options.error(f"{len(missing)} trajectories are not sampled yet ({missing[0]}, ...): run generate.py first")
    teacher = TEACHERS[args.teacher][1]
    todo = [(file, keys, args.out, teacher) for file, keys in jobs(args.out, names, args.selection) if keys]
    if not args.selection:
        todo.reverse()
    for_all(label_frames, todo, args.workers, "labels")
    split(args.out, starts)


if __name__ == "__main__":
    main()
