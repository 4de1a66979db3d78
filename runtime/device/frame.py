"""A frame that stays on the device, for whoever reads DLPack or `__cuda_array_interface__`: torch, cupy, numba."""

import ctypes
from dataclasses import dataclass
from typing import Any

HOST, CUDA = 1, 2  # kinds of device in DLPack
UNSIGNED = 1  # kind of type in DLPack
NAME = b"dltensor"


class _Tensor(ctypes.Structure):
    _fields_ = [
        ("data", ctypes.c_void_p),
        ("device_kind", ctypes.c_int32),
        ("device_index", ctypes.c_int32),
        ("ndim", ctypes.c_int32),
        ("code", ctypes.c_uint8),
        ("bits", ctypes.c_uint8),
        ("lanes", ctypes.c_uint16),
        ("shape", ctypes.POINTER(ctypes.c_int64)),
        ("strides", ctypes.POINTER(ctypes.c_int64)),
        ("byte_offset", ctypes.c_uint64),
    ]


class _Managed(ctypes.Structure):
    """DLManagedTensor of dlpack.h, with room for the shape behind it."""

    _fields_ = [
        ("tensor", _Tensor),
        ("context", ctypes.c_void_p),
        ("deleter", ctypes.c_void_p),
        ("shape", ctypes.c_int64 * 3),
    ]


_held: dict[int, _Managed] = {}  # what consumers have not let go of


def _let_go(address: int) -> None:
    _held.pop(address, None)


def _destroy(capsule: int) -> None:
    """Nobody took it: a consumer renames what it takes, and then lets go by itself."""
    if ctypes.pythonapi.PyCapsule_IsValid(ctypes.c_void_p(capsule), NAME):
        get = ctypes.pythonapi.PyCapsule_GetPointer
        get.restype = ctypes.c_void_p
        _let_go(get(ctypes.c_void_p(capsule), NAME))


_LET_GO = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(_let_go)  # C's, which consumers call
_DESTROY = ctypes.PYFUNCTYPE(None, ctypes.c_void_p)(_destroy)


@dataclass(frozen=True)
class DeviceFrame:
    """uint8 (H, W, 3), or (3 H / 2, W) as NV12, in the renderer's memory: valid until its next frame.

    stream  handle of the stream in which the frame is finished; a consumer's stream must wait for it
    event   reached when the frame is finished
    """

    address: int
    shape: tuple[int, ...]
    device_index: int
    stream: int
    event: Any
    kind: int = CUDA

    def wait(self) -> None:
        """Until the frame is finished."""
        self.event.wait()

    @property
    def __cuda_array_interface__(self) -> dict[str, Any]:
        return {
            "shape": self.shape,
            "typestr": "|u1",
            "data": (self.address, False),
            "strides": None,
            "version": 3,
            "stream": self.stream,
        }

    def __dlpack_device__(self) -> tuple[int, int]:
        return self.kind, self.device_index

    def __dlpack__(
        self,
        *,
        stream: int | None = None,
        max_version: tuple[int, int] | None = None,
        dl_device: tuple[int, int] | None = None,
        copy: bool | None = None,
    ) -> Any:
        """A capsule, of no version. The frame is waited for, so that any stream of the consumer's may read it."""
        if copy or (dl_device is not None and tuple(dl_device) != self.__dlpack_device__()):
            raise BufferError(f"a frame is handed out where it is, {self.__dlpack_device__()}; copy what was taken")
        if stream != -1:  # the consumer wants no synchronisation
            self.wait()
        managed = _Managed()
        managed.shape[: len(self.shape)] = self.shape
        shape = ctypes.cast(ctypes.byref(managed, _Managed.shape.offset), ctypes.POINTER(ctypes.c_int64))
        place = self.kind, self.device_index, len(self.shape)
        managed.tensor = _Tensor(self.address, *place, UNSIGNED, 8, 1, shape, None, 0)
        managed.deleter = ctypes.cast(_LET_GO, ctypes.c_void_p).value
        _held[ctypes.addressof(managed)] = managed
        new = ctypes.pythonapi.PyCapsule_New
        new.restype, new.argtypes = ctypes.py_object, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
        return new(ctypes.addressof(managed), NAME, ctypes.cast(_DESTROY, ctypes.c_void_p))
