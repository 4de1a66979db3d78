"""What a part of gpu.py works with: the device, its benchmark, animators; or an emulated device, to try the script."""

import ctypes
import sys
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from gpu_bench import Bench
from machine import FOLDER

FP32 = ", fp32"


class MissingError(Exception):
    """What a part needs is not here: no failure."""


class Session:
    """Opens what it is asked for.

    kernels  a library of the emulated device's; "" or None: the GPU
    bundle   folder of the animators' bundle; None: the embedded one
    """

    def __init__(self, kernels: str | None = None, bundle: str | None = None) -> None:
        self.kernels, self.bundle = kernels, bundle

    @staticmethod
    def compiled(path: Path) -> str:
        """The emulated device's kernels."""
        sys.path.append(str(FOLDER.parent / "tests"))
        from emulator.device import compiled_kernels

        compiled_kernels(path)
        return str(path)

    @cached_property
    def device(self) -> Any:
        from stillwave.runtime.device import contract

        if not self.kernels:
            return contract.open_device()
        from stillwave.runtime.device import stages

        sys.path.append(str(FOLDER.parent / "tests"))
        from emulator.device import EmulatedDevice

        device = EmulatedDevice(ctypes.CDLL(self.kernels))
        contract.open_device = lambda: device
        stages.kernel_image = lambda capability: b""
        return device

    @cached_property
    def bench(self) -> Bench:
        return Bench(self.device, is_emulated=bool(self.kernels))

    def animator(self, backend: str) -> Any:
        """Whose networks run by this backend, named as in gpu.py; with ", fp32" they are the embedded ones."""
        if self.kernels:
            _ = self.device  # in the place of a GPU's, from here on
        backend, is_fp32 = backend.removesuffix(FP32), backend.endswith(FP32)
        opened = partial(_opened, None if is_fp32 else self.bundle)
        if backend == "emulated":
            from emulator.device import HostEngines

            return opened("cuda", HostEngines)
        if backend == "cuda by TensorRT":
            from stillwave.runtime.device.engines import DeviceEngines
            from stillwave.runtime.ort_cuda_engine import TENSORRT

            return opened("cuda", partial(DeviceEngines, provider=TENSORRT))
        if backend.startswith("torch"):
            from torch_network import TorchEngines

            return opened("cuda", partial(TorchEngines, is_graph=backend == "torch, one graph"))
        return opened(backend)


def _opened(bundle: str | None, backend: str, opener: Any = None) -> Any:
    """An animator whose networks are opened by `opener`, in the place of DeviceEngines, if one is given."""
    from stillwave.runtime import Animator, BackendError
    from stillwave.runtime.device import stages

    original = stages.DeviceEngines
    try:
        if opener is not None:
            stages.DeviceEngines = opener
        return Animator(bundle, backend=backend, memory_budget="4GiB")
    except BackendError as error:
        raise MissingError(str(error)) from error
    finally:
        stages.DeviceEngines = original
