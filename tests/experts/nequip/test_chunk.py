"""The number of edges that an expert evaluates at once: measured once, and remembered."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

import numpy as np
import pytest
import torch

from moe_ipi.experts.environments import SMALLEST_CHUNK, evaluate_in_chunks
from moe_ipi.experts.expert import Environments
from moe_ipi.experts.nequip import chunk
from moe_ipi.experts.nequip.chunk import best_chunk
from moe_ipi.experts.nequip.load import load_nequip_model


@pytest.fixture
def cache(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("MOE_IPI_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


#: Seconds.
PER_EDGE = {1000: 1.5e-6, 2000: 1.02e-6, 4000: 1.0e-6, 8000: 1.1e-6, 16000: 1.3e-6}


def test_smallest_that_is_about_the_best():
    asked = []

    def seconds(n_edges: int) -> float:
        asked.append(n_edges)
        return n_edges * PER_EDGE[n_edges]

    assert best_chunk(seconds, 128_000) == 2000
    # What is much worse is given up, and nothing larger is tried.
    assert asked == [1000, 2000, 4000, 8000, 16000] + 4 * [2000, 4000, 8000]


def test_a_disturbed_measurement_does_not_decide():
    calls = []

    def seconds(n_edges: int) -> float:
        calls.append(n_edges)
        disturbed = 1.15 if len(calls) in (2, 3, 7) else 1.0
        return disturbed * n_edges * PER_EDGE.get(n_edges, 2.0e-6)

    assert best_chunk(seconds, 128_000) == 2000


def test_memory_ends_the_search():
    def seconds(n_edges: int) -> float:
        if n_edges > 4000:
            raise torch.OutOfMemoryError
        return 1e-3 * float(n_edges) ** 0.5

    assert best_chunk(seconds, 128_000) == 4000


def test_a_slow_model_is_not_asked_for_many():
    """Eager models need 0.1 ms an edge: minutes, if all numbers were tried."""
    asked = []

    def seconds(n_edges: int) -> float:
        asked.append(n_edges)
        return 1e-4 * n_edges

    assert best_chunk(seconds, 128_000) == 1000
    assert asked == 5 * [1000, 2000, 4000]


def test_measured_once_and_remembered(package, cache, monkeypatch):
    first = load_nequip_model(package, key="bulk", name="bulk")
    assert not cache.exists()
    assert first.chunk >= SMALLEST_CHUNK
    (record,) = cache.glob("bulk-*-eager-*.chunk")
    assert record.read_text() == f"{first.chunk}\n"
    monkeypatch.setattr(chunk, "best_chunk", lambda *_: pytest.fail("measured again"))
    assert load_nequip_model(package, key="bulk", name="bulk").chunk == first.chunk
    record.write_text("7000\n")
    assert load_nequip_model(package, key="bulk", name="bulk").chunk == 7000


def test_damaged_record_is_measured_again(package, cache, monkeypatch):
    monkeypatch.setattr(chunk, "best_chunk", lambda *_: 3000)
    load_nequip_model(package, key="bulk", name="bulk").chunk  # noqa: B018
    (record,) = cache.glob("*.chunk")
    for left in ("", "many", "-5"):
        record.write_text(left)
        assert load_nequip_model(package, key="bulk", name="bulk").chunk == 3000
        assert record.read_text() == "3000\n"


def test_another_number_of_threads_is_measured_for_itself(package, cache, monkeypatch):
    monkeypatch.setattr(chunk, "best_chunk", lambda *_: 3000)
    load_nequip_model(package, key="bulk", name="bulk").chunk  # noqa: B018
    before = torch.get_num_threads()
    torch.set_num_threads(before + 1)
    try:
        load_nequip_model(package, key="bulk", name="bulk").chunk  # noqa: B018
    finally:
        torch.set_num_threads(before)
    assert len(list(cache.glob("*.chunk"))) == 2


def test_number_of_the_config_is_taken(package, cache):
    assert load_nequip_model(package, key="bulk", name="bulk", chunk=123).chunk == 123
    assert not cache.exists()


def test_no_place_for_a_record(package, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("MOE_IPI_CACHE_DIR", str(tmp_path / "file" / "cache"))
    expert = load_nequip_model(package, key="bulk", name="bulk")
    assert expert.chunk == expert.default_chunk


def _chunk_in_another_process(path: Path, queue: multiprocessing.Queue) -> None:
    queue.put(load_nequip_model(path, key="bulk", name="bulk").chunk)


def test_drivers_that_start_together_use_the_same(package, cache):
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    processes = [context.Process(target=_chunk_in_another_process, args=(package, queue)) for _ in range(2)]
    for process in processes:
        process.start()
    found = [queue.get(timeout=120) for _ in processes]
    for process in processes:
        process.join()
    assert len(set(found)) == 1


def test_few_edges_need_no_measurement(package, cache):
    expert = load_nequip_model(package, key="bulk", name="bulk")
    rng = np.random.default_rng(0)
    n = SMALLEST_CHUNK
    edges = rng.uniform(-2, 2, (n, 3))
    environments = Environments(edges, np.sort(rng.integers(0, 30, n)), rng.integers(0, 3, 30), rng.integers(0, 3, n))
    evaluate_in_chunks(expert, environments)
    assert not cache.exists()
