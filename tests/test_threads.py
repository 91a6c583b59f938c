"""Work shared among threads."""

from __future__ import annotations

import os
import threading
import time

import pytest
import torch

from moe_ipi.threads import in_parallel, one_thread, set_threads, set_workers, threads, workers


@pytest.fixture(autouse=True)
def as_before():
    before = torch.get_num_threads()
    yield
    set_threads(before)


def test_results_come_in_order_and_calls_run_at_once():
    set_workers(2)
    meeting = threading.Barrier(2, timeout=20)

    def slow_first(number: int) -> int:
        meeting.wait()  # two calls are in progress, or this fails
        time.sleep(0.01 * (number % 2 == 0))
        return number

    assert in_parallel(slow_first, range(6), most=2) == list(range(6))


@pytest.mark.parametrize(("number", "most"), [(1, 4), (4, 1)])
def test_one_after_another_in_this_thread(number, most):
    set_workers(number)
    assert set(in_parallel(lambda _: threading.get_ident(), range(5), most)) == {threading.get_ident()}


def test_errors_come_through():
    set_workers(2)
    with pytest.raises(ZeroDivisionError):
        in_parallel(lambda number: 1 // number, [1, 0], most=2)


def test_numbers():
    set_threads(3)
    assert (threads(), workers(), torch.get_num_threads()) == (3, 1, 3)
    set_workers(2)
    assert (threads(), workers(), torch.get_num_threads()) == (2, 2, 1)
    with one_thread():
        assert (threads(), workers(), torch.get_num_threads()) == (1, 1, 1)
    assert (threads(), workers(), torch.get_num_threads()) == (2, 2, 1)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_child_of_a_fork_has_threads_of_its_own():
    set_workers(2)
    assert in_parallel(abs, [-1, -2], most=2) == [1, 2]
    child = os.fork()
    if child == 0:
        threading.Timer(20, os._exit, [1]).start()
        os._exit(0 if in_parallel(abs, [-1, -2], most=2) == [1, 2] else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
