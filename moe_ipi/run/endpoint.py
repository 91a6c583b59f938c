"""Is the place where i-PI will listen free?"""

from __future__ import annotations

import errno
import os
import socket
import stat
from pathlib import Path

from moe_ipi.driver.address import Server
from moe_ipi.plugin.ipi_input import InputError

#: Bytes that the path of a UNIX socket may have on Linux (``sun_path`` with its final zero).
_LONGEST_PATH = 107


def free_endpoint(server: Server) -> str:
    """Make sure that i-PI can listen there; a socket file that a killed run has left is removed.

    Returns:
        A line for the user if something was removed, else an empty string.

    Raises:
        InputError: somebody listens there, or nobody can.
    """
    return _free_unix(server) if server.port is None else _free_inet(server)


def _free_unix(server: Server) -> str:
    path = Path(server.path)
    length = len(os.fsencode(server.path))
    if length > _LONGEST_PATH:
        raise InputError(
            f"the path of {server} has {length} bytes, and a UNIX socket's may have {_LONGEST_PATH}: shorten <address> "
            "in the input (or sockets_prefix of <simulation>)"
        )
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
        except OSError as error:
            # A full backlog (EAGAIN) or a timeout: there is somebody.
            raise _in_use(server, error.strerror or str(error)) from error
        else:
            raise _in_use(server, "somebody listens there")
    try:
        path.unlink()
    except OSError as error:
        raise InputError(f"cannot remove the abandoned '{path}': {error.strerror}; change <address>") from error
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
                raise _in_use(server, "somebody listens there") from error
            why = getattr(error, "strerror", None) or error
            raise InputError(f"i-PI cannot listen at {server}: {why}; change <address> or <port>") from error
    return ""


def _in_use(server: Server, why: str) -> InputError:
    what = "<address>" if server.port is None else "<port>"
    return InputError(f"{server} is in use ({why}), perhaps by another run: change {what} in the input")
