"""A device's network for arrays of the host: staged through the device at every run. The contract of engine.py."""

from collections.abc import Mapping
from types import TracebackType
from typing import Any

from ..engine import Array, check_arrays
from ..errors import BackendError
from .contract import ALIGNMENT, Device
from .engines import DeviceEngines


class StagedEngine:
    """Owns a device, and what the network needs there. To animate, keep arrays on the device instead."""

    def __init__(self, backend: str, network: bytes, name: str, sizes: Mapping[str, int], device: Device):
        self.name, self._device = name, device
        self._block: Any = None
        self._stream = device.stream()
        self._arrays: dict[str, Array] = {}
        self._addresses: dict[str, int] = {}
        try:
            opener = DeviceEngines(backend, device, self._stream)
            self._engine: Any = opener.open(network, name, sizes, precision="as it is")
        except BaseException:
            self._stream.close()
            device.close()
            raise
        self.inputs, self.outputs = self._engine.inputs, self._engine.outputs
        strange = [str(spec) for spec in self.inputs if any(isinstance(d, str) for d in spec.shape)]
        if strange:
            self.close()
            raise BackendError(f"{name}: {backend} wants every size when it is opened; give that of {strange[0]}")

    def bind(self, **arrays: Array) -> None:
        check_arrays(self.name, self.inputs + self.outputs, arrays)
        if self._engine is None:
            raise ValueError(f"{self.name}: the engine is closed; open another")
        self._release()
        offsets, total = {}, 0
        sizes = {name: array.nbytes for name, array in arrays.items()} | {"": self._engine.workspace_bytes}
        for name, nbytes in sizes.items():
            offsets[name], total = total, total + -(-nbytes // ALIGNMENT) * ALIGNMENT
        self._block = self._device.block(total or ALIGNMENT)
        addresses = {name: self._block.address + offset for name, offset in offsets.items()}
        self._engine.bind(addresses.pop(""), **addresses)
        self._arrays, self._addresses = arrays, addresses

    def run(self) -> None:
        if not self._arrays:
            raise ValueError(f"{self.name}: nothing is bound; call bind first")
        for spec in self.inputs:
            self._stream.copy_in(self._addresses[spec.name], self._arrays[spec.name])
        self._engine.enqueue(self._stream)
        for spec in self.outputs:
            self._stream.copy_out(self._arrays[spec.name], self._addresses[spec.name])
        self._stream.wait()

    def close(self) -> None:
        if self._engine is None:
            return
        self._engine.close()
        self._engine, self._arrays = None, {}
        self._release()
        self._stream.close()
        self._device.close()

    def _release(self) -> None:
        if self._block is not None:
            self._block.close()
            self._block = None

    def __enter__(self) -> "StagedEngine":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
