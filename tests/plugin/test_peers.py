"""Who is at the other end."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys

from moe_ipi.plugin.peers import cannot_answer, owner_of, peer_of, program_of, state_of, words_for
from tests.helpers.processes import free_port, wait_until


def test_states_of_a_process() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        assert state_of(child.pid) in ("R", "S", "D") and not cannot_answer(child.pid)
        os.kill(child.pid, signal.SIGSTOP)
        wait_until(lambda: state_of(child.pid) == "T")
        assert cannot_answer(child.pid) and words_for(child.pid) == "stopped by a signal"
        os.kill(child.pid, signal.SIGCONT)
        wait_until(lambda: not cannot_answer(child.pid))
        child.kill()
        wait_until(lambda: state_of(child.pid) == "Z")
        assert cannot_answer(child.pid)
    assert state_of(child.pid) is None and words_for(child.pid) == "no longer there"
    # Nothing is known: it may be on another host.
    assert not cannot_answer(None) and not cannot_answer(child.pid) and program_of(child.pid) == ""


def test_peer_of_a_unix_socket() -> None:
    one, other = socket.socketpair()
    with one, other:
        assert peer_of(one) == (os.getpid(), "")
    assert peer_of(one) == (None, "")


def test_owner_of_a_tcp_connection() -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", free_port()))
        server.listen(1)
        with socket.create_connection(server.getsockname()) as client:
            peer, _ = server.accept()
            with peer:
                pid, address = peer_of(peer)
                assert pid is None and address == "{}:{}".format(*client.getsockname())
                assert owner_of(address, [1, os.getpid()]) == os.getpid()
                assert owner_of(address, []) is None
    assert owner_of("nonsense", [os.getpid()]) is None
