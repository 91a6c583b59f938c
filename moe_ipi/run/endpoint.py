"""Where i-PI will listen: a place that nobody else has, also not a run that starts at the same moment."""

from __future__ import annotations

import errno
import hashlib
import os
import socket
import stat
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from moe_ipi.driver.address import EVERYWHERE, Server
from moe_ipi.plugin.ipi_input import InputError

#: Bytes that the path of a UNIX socket may have on Linux (``sun_path`` with its final zero).
_LONGEST_PATH = 107
#: Runs of one ``<address>`` on a machine at the same time.
_MOST_RUNS = 1000


def claim(what: str) -> socket.socket | None:
    """Reserve something for this run on this machine.

    The name of a socket in Linux's abstract namespace (``unix(7)``), which nobody can have twice and which is free as
    soon as no process has it, however it ended.

    Args:
        what: the same text for the same thing.

    Returns:
        What keeps it until it is closed, also in a process that inherits it; ``None`` if another run has it.
    """
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.bind("\0moe-ipi-" + hashlib.sha256(os.fsencode(what)).hexdigest())
    except OSError:
        sock.close()
        return None
    return sock


def claim_outputs(folder: Path, prefix: str) -> socket.socket:
    """Reserve the files of a run: see :func:`claim`.

    Raises:
        InputError: another run writes files of this name there.
    """
    held = claim(f"{folder.resolve()} {prefix}")
    if held is None:
        raise InputError(
            f"another run writes '{prefix}.*' in '{folder}': wait for its end, or give this one a folder or an <output "
            "prefix> of its own"
        )
    return held


def free_endpoint(server: Server, held: ExitStack) -> tuple[Server, str]:
    """A place where i-PI can listen, reserved; a socket file that a killed run has left is removed.

    Args:
        server: where the input says.
        held: keeps what is reserved.

    Returns:
        ``server``, or for a UNIX socket of which another run has the name the next free one (``NAME-2``, ...), and a
        line for the user, which is empty if there is nothing to say.

    Raises:
        InputError: somebody listens at the port, or nobody can listen there.
    """
    return _free_unix(server, held) if server.port is None else (server, _free_inet(server))


def inet_endpoint(server: Server, held: ExitStack) -> Server:
    """A free TCP port of this host for drivers on any, reserved among runs of moe_ipi.

    Args:
        server: where the input says.
        held: keeps what is reserved.

    Raises:
        InputError: no port is free.
    """
    for _ in range(_MOST_RUNS):
        with socket.create_server(("", 0)) as sock:
            port = sock.getsockname()[1]
            reserved = claim(f"port {port}")
        if reserved is not None:
            held.enter_context(reserved)
            return replace(server, address=EVERYWHERE, port=port, shm=False)
    raise InputError("no TCP port of this host is free")


def _free_unix(server: Server, held: ExitStack) -> tuple[Server, str]:
    for number in range(1, _MOST_RUNS):
        candidate = server if number == 1 else replace(server, address=f"{server.address}-{number}")
        _check_path(candidate)
        with ExitStack() as mine:
            reserved = claim(candidate.path)
            if reserved is None:
                continue
            mine.enter_context(reserved)
            note = _vacate(candidate)
            if note is None:
                continue
            held.push(mine.pop_all())
        if number > 1:
            note = f"{server} is another run's: this one listens at {candidate.path}"
        return candidate, note
    raise InputError(f"{server} and {_MOST_RUNS - 2} places after it are in use: change <address> in the input")


def _check_path(server: Server) -> None:
    length = len(os.fsencode(server.path))
    if length > _LONGEST_PATH:
        raise InputError(
            f"the path of {server} has {length} bytes, and a UNIX socket's may have {_LONGEST_PATH}: shorten <address> "
            "in the input (or sockets_prefix of <simulation>)"
        )


def _vacate(server: Server) -> str | None:
    """Make the path free; a line if something was removed, ``None`` if it is somebody's."""
    path = Path(server.path)
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError as error:
        if not path.parent.is_dir():
            raise InputError(f"i-PI cannot create {server}: there is no folder '{path.parent}'") from error
        return ""
    if not stat.S_ISSOCK(mode):
        raise InputError(f"'{path}' exists and is not a socket: change <address> in the input or remove the file")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.settimeout(1.0)
        try:
            sock.connect(str(path))
        except ConnectionRefusedError:
            pass
        except OSError:
            # A full backlog (EAGAIN) or a timeout: there is somebody; or it is another user's.
            return None
        else:
            return None
    try:
        path.unlink()
    except OSError:
        return None  # what another user's killed run has left
    return f"removed {path}, which a killed run had left"


def _free_inet(server: Server) -> str:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind((server.address, server.port))
            sock.listen(1)
        except socket.gaierror as error:
            raise InputError(f"i-PI cannot listen at {server}: {error.strerror}; correct <address>") from error
        except (OSError, OverflowError) as error:
            if getattr(error, "errno", None) == errno.EADDRINUSE:
                raise InputError(f"{server} is in use, perhaps by another run: change <port> in the input") from error
            why = getattr(error, "strerror", None) or error
            raise InputError(f"i-PI cannot listen at {server}: {why}; change <address> or <port>") from error
    return ""
