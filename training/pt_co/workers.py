"""What generate.py and label.py share: their options, and jobs in several processes with a progress bar."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

from teachers import TEACHERS
from tqdm import tqdm


def parser(description: str) -> argparse.ArgumentParser:
    """The options; ``description`` is the script's docstring, of which the first line is shown."""
    result = argparse.ArgumentParser(description=description.splitlines()[0])
    result.add_argument("--out", type=Path, default=Path("data"))
    result.add_argument("--workers", type=int, default=2)
    result.add_argument("--seed", type=int, default=2026)
    result.add_argument("--teacher", choices=TEACHERS, default="sevennet")
    result.add_argument("--only", help="trajectories whose names match this pattern, such as 'co-111-*'")
    return result


def for_all(function: Callable[..., None], arguments: Sequence[tuple], workers: int, title: str) -> None:
    """Call ``function(*a)`` for each ``a`` of ``arguments``; the first failure stops everything."""
    with ProcessPoolExecutor(workers) as pool:
        jobs = [pool.submit(function, *a) for a in arguments]
        try:
            for job in tqdm(as_completed(jobs), total=len(jobs), desc=title):
                job.result()
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
