"""Path integrals with changing assignments, and one fault after the other: ``make soak MINUTES=60``.

Prints a Markdown table of what was done and what it ended in, and exits with 1 if a row was wrong or lost, or a run
hung or could not be continued.  A run is continued from the newest RESTART or checkpoint; every row is computed again.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass, field
from pathlib import Path

from moe_ipi.plugin.peers import state_of
from tests.helpers import inputs
from tests.helpers.case import Case
from tests.helpers.configs import CHANGING
from tests.helpers.moe_ipi_run import children
from tests.soak.faults import ENDING, FAULTS, STALL
from tests.soak.rows import Verdict, judge

BEADS = 4
#: Seconds without a step, with nobody left to wait for, that are a hang.
HANG = 240.0
#: Seconds after which a new run is begun, so that files stay small.
ROUND = 240.0
#: Steps after a fault that show that the run goes on.
GOES_ON = 10


@dataclass
class Count:
    """What one kind of fault ended in."""

    went_on: int = 0
    continued: int = 0
    hung: int = 0
    failed: int = 0
    longest: float = 0.0


@dataclass
class Tally:
    """Everything."""

    faults: dict[str, Count] = field(default_factory=lambda: {name: Count() for name in FAULTS})
    rows: Verdict = field(default_factory=Verdict)
    problems: list[str] = field(default_factory=list)
    minutes: float = 0.0

    @property
    def passed(self) -> bool:
        return not (self.problems or self.rows.wrong or self.rows.lost or self.rows.repeated)

    def table(self) -> str:
        lines = ["| fault | number | the run went on | it ended, and was continued | hangs | longest standstill, s |"]
        lines.append("|---|---:|---:|---:|---:|---:|")
        for name, c in self.faults.items():
            number = c.went_on + c.continued + c.hung + c.failed
            if number:
                lines.append(f"| {name} | {number} | {c.went_on} | {c.continued} | {c.hung} | {c.longest:.0f} |")
        total = sum(c.went_on + c.continued + c.hung + c.failed for c in self.faults.values())
        r, hangs = self.rows, sum(c.hung for c in self.faults.values())
        lines += [
            "",
            f"{self.minutes:.0f} minutes, {total} faults, {r.rows} rows ({BEADS} beads each) computed again, "
            f"{r.changes} changes of the assignment.",
            f"Rows wrong: {r.wrong}. Rows lost: {r.lost}. Rows repeated: {r.repeated}. Hangs: {hangs}.",
            *self.problems,
        ]
        return "\n".join(lines)


class Run:
    """One run, from its input to its last continuation."""

    def __init__(self, folder: Path, drivers: int, seed: int) -> None:
        config = CHANGING + "[run]\nrestarts = 10000\nrestart_delay = 0.3\n"
        self.case = Case.create(folder, config)
        self.drivers = drivers
        self.next = self.case.write(
            inputs.simulation(
                inputs.system(
                    inputs.dynamics("nvt", 1.0, inputs.thermostat("pile_g", 50)), beads=BEADS, temperature=900
                ),
                fields=self.case.ffsocket(),
                steps=100_000_000,
                properties="step, conserved{electronvolt}, potential{electronvolt}",
                trajectories={"pos": "positions"},
                checkpoint=20,
                overwrite=True,
                seed=seed,
            )
        )
        self.parent: subprocess.Popen[str]
        self.judged = -1
        self._legs = 0

    def start(self) -> None:
        """Start, or continue."""
        self._legs += 1
        command = [sys.executable, "-m", "moe_ipi.cli", "run", self.next, "-c", "moe.toml", "-n", str(self.drivers)]
        with (self.case.folder / f"leg-{self._legs}.log").open("w") as log:
            self.parent = subprocess.Popen(
                [*map(str, command), "--stall-timeout", str(STALL)],
                cwd=self.case.folder,
                stdout=log,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,
            )

    def said(self) -> str:
        """The last lines of the present leg."""
        return " / ".join((self.case.folder / f"leg-{self._legs}.log").read_text().splitlines()[-3:])

    def step(self) -> int:
        """The last step in i-PI's output."""
        path = self.case.folder / "out.props"
        if not path.exists():
            return -1
        with path.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - 4096))
            lines = file.read().split(b"\n")[:-1]
        words = lines[-1].split() if lines else []
        return round(float(words[0])) if words and not words[0].startswith(b"#") else -1

    def newest(self) -> tuple[int, Path] | None:
        """The usable file with the most steps, and these."""
        found = []
        for path in (self.case.folder / "RESTART", self.case.folder / "out.chk"):
            try:
                found.append((int(ElementTree.parse(path).findtext("step", "0")), path))
            except (OSError, ElementTree.ParseError, ValueError):
                continue
        return max(found, default=None, key=lambda item: item[0])

    def gone(self) -> bool:
        """Whether all of its processes have ended; one that is stopped, and has nobody left to wake it, never will."""
        left = [pid for pid in children(self.case) if state_of(pid) != "T"]
        return self.parent.poll() is not None and not left

    def kill(self) -> None:
        """End everything at once."""
        for pid in [*children(self.case), self.parent.pid]:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        self.parent.wait()


def wait(run: Run, beyond: int, seconds: float = HANG) -> str:
    """Wait for a step beyond the given one, or the end: ``"went on"``, ``"ended"`` or ``"hung"``."""
    last, since = run.step(), time.monotonic()
    while time.monotonic() - since < seconds:
        if run.gone():
            return "ended"
        step = run.step()
        if step >= beyond and run.parent.poll() is None:
            return "went on"
        if step != last:
            last, since = step, time.monotonic()
        time.sleep(0.1)
    return "hung"


def one_round(tally: Tally, folder: Path, drivers: int, chance: random.Random, end: float) -> None:
    """One run with its continuations."""
    run = Run(folder, drivers, chance.randrange(1 << 30))
    stop = min(end, time.monotonic() + ROUND)
    names, weights = list(FAULTS), [weight for _, weight in FAULTS.values()]
    try:
        run.start()
        while True:
            if (how := wait(run, run.step() + GOES_ON)) != "went on":
                tally.problems.append(f"a run that nobody had touched {how}: {run.said()}")
                return
            time.sleep(chance.expovariate(1.0))
            over = time.monotonic() > stop
            name = "Ctrl-C" if over else chance.choices(names, weights)[0]
            outcome = inject(tally, run, name, chance)
            if outcome == "hung" or over:
                if outcome == "ended":
                    look_at_rows(tally, run)
                return
            if outcome == "ended":
                look_at_rows(tally, run)
                newest = run.newest()
                run.next = newest[1] if newest else run.next
                run.judged = min(run.judged, newest[0] if newest else -1)
                run.start()
    finally:
        run.kill()
        Path(run.case.unix.path).unlink(missing_ok=True)


def inject(tally: Tally, run: Run, name: str, chance: random.Random) -> str:
    """One fault, and what comes of it."""
    before, start = run.step(), time.monotonic()
    FAULTS[name][0](run.case, run.parent, chance)
    beyond = sys.maxsize if FAULTS[name][0] in ENDING else max(before, run.step()) + GOES_ON
    outcome = wait(run, beyond)
    count = tally.faults[name]
    count.longest = max(count.longest, time.monotonic() - start)
    if outcome == "went on":
        count.went_on += 1
    elif outcome == "ended":
        count.continued += 1
    else:
        count.hung += 1
        tally.problems.append(f"hung after {name}: {run.said()}")
    print(f"{time.strftime('%H:%M:%S')} step {before}: {name}: {outcome}", file=sys.stderr, flush=True)
    return outcome


def look_at_rows(tally: Tally, run: Run) -> None:
    """Compute the rows of the run that are new."""
    verdict, run.judged = judge(run.case, BEADS, beyond=run.judged, torn=True)
    tally.rows += verdict


def soak(minutes: float, *, drivers: int = 2, seed: int = 1, folder: Path | None = None) -> Tally:
    """Go on for so many minutes."""
    tally, chance, start = Tally(), random.Random(seed), time.monotonic()
    root = Path(folder or tempfile.mkdtemp(prefix="moe-ipi-soak-"))
    number = 0
    while time.monotonic() - start < 60 * minutes:
        number += 1
        place = root / f"round-{number}"
        one_round(tally, place, drivers, chance, start + 60 * minutes)
        if tally.passed:
            shutil.rmtree(place)
    if tally.passed and folder is None:
        shutil.rmtree(root)
    tally.minutes = (time.monotonic() - start) / 60
    return tally


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=2.0)
    parser.add_argument("--drivers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    tally = soak(options.minutes, drivers=options.drivers, seed=options.seed)
    print(tally.table())
    return 0 if tally.passed else 1


if __name__ == "__main__":
    sys.exit(main())
