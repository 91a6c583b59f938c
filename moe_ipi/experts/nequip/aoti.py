"""A model compiled by AOTInductor, called through its C interface.

torch's loader holds the interpreter's lock while a model computes, so that two threads would take turns.  The C
interface (``torch/csrc/inductor/aoti_runtime/interface.h``), which does not, is part of every artifact.
"""

from __future__ import annotations

import ctypes
import tempfile
import zipfile
from pathlib import Path

import torch

_capsule = ctypes.pythonapi.PyCapsule_New
_capsule.restype, _capsule.argtypes = ctypes.py_object, (ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p)
_pointer = ctypes.pythonapi.PyCapsule_GetPointer
_pointer.restype, _pointer.argtypes = ctypes.c_void_p, (ctypes.py_object, ctypes.c_char_p)


class ConcurrentModel:
    """A model for the CPU that may be called by several threads at once.

    Args:
        path: the artifact, with the weights in its library.
        number: how many calls may run at once; more wait.

    Raises:
        RuntimeError: the artifact holds something else, or its library cannot be used.
    """

    def __init__(self, path: Path, number: int) -> None:
        with zipfile.ZipFile(path) as archive, tempfile.TemporaryDirectory() as folder:
            names = [name for name in archive.namelist() if name.endswith(".so")]
            if len(names) != 1:
                raise RuntimeError(f"it holds {len(names)} libraries instead of one")
            # Once loaded, the file is not needed any more.
            self._library = ctypes.CDLL(archive.extract(names[0], folder))
        self._run = self._library.AOTInductorModelContainerRun
        pointer, size = ctypes.c_void_p, ctypes.c_size_t
        self._run.argtypes = (pointer, pointer, size, pointer, size, pointer, pointer)
        self._container = ctypes.c_void_p()
        create = self._library.AOTInductorModelContainerCreateWithDevice
        if create(ctypes.byref(self._container), ctypes.c_size_t(number), b"cpu", None) != 0:
            raise RuntimeError("its library cannot make the model")
        outputs = ctypes.c_size_t()
        self._library.AOTInductorModelContainerGetNumOutputs(self._container, ctypes.byref(outputs))
        self._outputs = int(outputs.value)

    def boxed_run(self, inputs: list[torch.Tensor]) -> list[torch.Tensor]:
        """The outputs for these inputs, as torch's loader gives them."""
        # The model takes what these handles point to, and hands over what its outputs point to.
        handles = [_pointer(each, None) for each in torch._C._aoti.unsafe_alloc_void_ptrs_from_tensors(inputs)]
        given = (ctypes.c_void_p * len(handles))(*handles)
        made = (ctypes.c_void_p * self._outputs)()
        if self._run(self._container, given, len(handles), made, self._outputs, None, None) != 0:
            raise RuntimeError("a compiled model failed; see the lines above")
        return list(
            torch._C._aoti.alloc_tensors_by_stealing_from_void_ptrs([_capsule(each, None, None) for each in made])
        )
