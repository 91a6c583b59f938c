"""Independent jobs in several processes, with a progress bar."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed

from tqdm import tqdm


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
